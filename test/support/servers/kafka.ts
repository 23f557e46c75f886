import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type KafkaOptions, parseKafkaUrl } from '../../../core/storage/kafka/url.ts'
import { freePort } from '../../e2e/edge-harness.ts'
import { temporaryDirectory } from '../directory.ts'
import { program, server, tool } from '../optional.ts'
import { end, listens } from './child.ts'

const startWithinMs = 60_000

/** The folder of what it is run from; undefined where that or Java is absent. */
export function kafkaLibraries(): string | undefined {
  return server('Kafka', () => program('java') && tool('kafka-4.1.0'))
}

/** TLS and a password: who asks must be this one. */
export interface Guard {
  readonly username: string
  readonly password: string
}

export interface KafkaSetting {
  readonly libraries: string
  /** What it tells clients to connect to, where that is not itself: `host:port`. */
  readonly advertised?: string
  readonly properties?: Readonly<Record<string, string | number>>
  readonly guard?: Guard
}

/** A broker of Apache Kafka of its own, which is its controller too, on loopback with a data folder of its own. */
export async function startKafka({ libraries, advertised, properties = {}, guard }: KafkaSetting) {
  const directory = temporaryDirectory()
  const [port, controller] = [await freePort(), await freePort()]
  const file = join(directory.path, 'server.properties')
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    listeners: `CLIENTS://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `CLIENTS://${advertised ?? `127.0.0.1:${port}`}`,
    'listener.security.protocol.map': `CLIENTS:${guard ? 'SASL_SSL' : 'PLAINTEXT'},CONTROLLER:PLAINTEXT`,
    'inter.broker.listener.name': 'CLIENTS',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(directory.path, 'data'),
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    ...(guard && guarded(directory.path, guard)),
    ...properties,
  }
  writeFileSync(
    file,
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}`)
      .join('\n'),
  )
  const java = ['-Xms128m', '-Xmx512m', '-cp', join(libraries, '*')]
  const cluster = randomBytes(16).toString('base64url')
  const user = guard && `SCRAM-SHA-512=[name=${guard.username},password=${guard.password}]`
  const format = ['format', `--cluster-id=${cluster}`, '-c', file, ...(user === undefined ? [] : ['--add-scram', user])]
  execFileSync('java', [...java, 'kafka.tools.StorageTool', ...format], { stdio: 'pipe' })
  let child = await start()

  async function start(): Promise<ChildProcess> {
    const started = spawn('java', [...java, 'kafka.Kafka', file], { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-8_000)))
    }
    const until = Date.now() + startWithinMs
    while (!(await listens(port))) {
      if (started.exitCode !== null || Date.now() > until) {
        await end(started)
        throw new Error(`Kafka does not start:\n${said}`)
      }
      await sleep(100)
    }
    return started
  }

  return {
    port,
    /** The certificate that it is known by, where it has one. */
    ca: join(directory.path, 'ca.pem'),
    /** Of a log of its own: no other has this prefix. */
    options: (prefix: string) => kafkaOptions(urlOf(port, prefix)),
    /** … as `KAFKA_URL` says it. */
    url: (prefix: string) => urlOf(port, prefix),
    /** As a crash would end it. */
    kill: () => end(child),
    /** On the same data, after it was ended. */
    async restart(): Promise<void> {
      child = await start()
    },
    async stop(): Promise<void> {
      await end(child)
      directory.remove()
    },
  }
}

/** A certificate of its own, and who may come in, by either mechanism. */
function guarded(directory: string, { username, password }: Guard): Record<string, string> {
  const store = join(directory, 'keys.p12')
  const key = ['-keystore', store, '-storetype', 'PKCS12', '-storepass', password, '-alias', 'broker']
  const made = ['-genkeypair', '-keyalg', 'EC', '-dname', 'CN=broker', '-ext', 'san=ip:127.0.0.1,dns:localhost']
  execFileSync('keytool', [...made, ...key], { stdio: 'pipe' })
  execFileSync('keytool', ['-exportcert', '-rfc', '-file', join(directory, 'ca.pem'), ...key], { stdio: 'pipe' })
  const login = 'org.apache.kafka.common.security'
  return {
    'ssl.keystore.location': store,
    'ssl.keystore.type': 'PKCS12',
    'ssl.keystore.password': password,
    // It is its own client too, by the name that its certificate has.
    'ssl.truststore.location': store,
    'ssl.truststore.type': 'PKCS12',
    'ssl.truststore.password': password,
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-512',
    'sasl.mechanism.inter.broker.protocol': 'PLAIN',
    'listener.name.clients.plain.sasl.jaas.config': `${login}.plain.PlainLoginModule required username="${username}" password="${password}" user_${username}="${password}";`,
    'listener.name.clients.scram-sha-512.sasl.jaas.config': `${login}.scram.ScramLoginModule required;`,
  }
}

function urlOf(port: number, prefix: string): string {
  return `kafka://127.0.0.1:${port}?prefix=${prefix}&timeout_ms=2000`
}

export function kafkaOptions(url: string): KafkaOptions {
  const options = parseKafkaUrl(url)
  if (typeof options === 'string') throw new Error(options)
  return options
}

export type Kafka = Awaited<ReturnType<typeof startKafka>>
