import { setTimeout as sleep } from 'node:timers/promises'
import { Admin, type Connection, findErrorBy as findBy, Producer } from '@platformatic/kafka'
import type { KafkaOptions } from './url.ts'

/** How long what may be asked again is asked again, while brokers go and come. */
const patienceMs = 30_000
const longestDelayMs = 2_000
/** Of a send, for about a minute: a broker alone takes some time to come back. */
const sendRetries = 40

export interface KafkaClients {
  /** For everything but appends: a broker answers a connection's requests one by one, and appends should not wait. */
  readonly admin: Admin
  readonly producer: Producer
}

export function connectKafka(given: KafkaOptions): KafkaClients {
  const options = clientOptions(given, 2 * given.timeoutMs)
  return {
    // It is asked again here, where it is known what for.
    admin: new Admin({ ...options, retries: 0 }),
    // A repeated send keeps its sequence numbers, by which the broker drops what it has already.
    producer: new Producer({
      ...options,
      idempotent: true,
      retries: sendRetries,
      retryDelay: (_client, _operation, attempt) => delayMs(attempt - 1),
    }),
  }
}

/** One more, whose requests may be answered late. */
export function connectWaiting(given: KafkaOptions, requestTimeout: number): Admin {
  return new Admin({ ...clientOptions(given, requestTimeout), retries: 0 })
}

function clientOptions({ brokers, clientId, timeoutMs, tls, sasl }: KafkaOptions, requestTimeout: number) {
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    timeout: timeoutMs,
    connectTimeout: timeoutMs,
    requestTimeout,
    ...(tls && { tls, tlsServerName: true }),
    ...(sasl && { sasl }),
  }
}

/** Doubles, and is spread, so that many who lost the same broker do not come back at once. */
function delayMs(attempt: number): number {
  return Math.min(100 * 2 ** attempt, longestDelayMs) * (0.5 + Math.random() / 2)
}

/** Whether an error is this one of the protocol's: https://kafka.apache.org/protocol#protocol_error_codes */
export function says(error: unknown, id: string): boolean {
  return has(error, 'apiId', id)
}

/** The client wraps causes in one another. */
function has(error: unknown, property: string, value: unknown): boolean {
  return error instanceof Error && findBy(error, property, value) !== null
}

export function isUnknownTopic(error: unknown): boolean {
  if (says(error, 'UNKNOWN_TOPIC_OR_PARTITION')) return true
  return error instanceof Error && error.message.startsWith('Unknown topic ')
}

/** What really happened: the client wraps it, once for each attempt. */
export function reasonOf(error: unknown): string {
  return [...new Set(reasonsOf(error))].join('; ')
}

function reasonsOf(error: unknown): string[] {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.flatMap(reasonsOf)
  if (error instanceof Error && error.cause instanceof Error) return reasonsOf(error.cause)
  return [error instanceof Error ? error.message.replace(/\.$/, '') : String(error)]
}

/** Does what can be done twice until it succeeds, fails for good or has been tried long enough. */
export async function patiently<T>(admin: Admin, work: () => Promise<T>, forMs = patienceMs): Promise<T> {
  const until = Date.now() + forMs
  for (let attempt = 0; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      const isFinal = isUnknownTopic(error) || has(error, 'canRetry', false)
      if (isFinal || admin.closed || Date.now() > until) throw error
      admin.clearMetadata()
      await sleep(delayMs(attempt))
    }
  }
}

/** How many partitions the topic has; undefined where it is not there. What is known may be some seconds old. */
export async function partitionsOf(admin: Admin, name: string): Promise<number | undefined> {
  try {
    const { topics } = await patiently(admin, () => admin.metadata({ topics: [name] }))
    return topics.get(name)?.partitionsCount
  } catch (error) {
    if (isUnknownTopic(error)) return undefined
    throw error
  }
}

/** The connection to the broker that leads a partition. */
export async function leaderOf(admin: Admin, name: string, partition: number): Promise<Connection> {
  const { topics } = await admin.metadata({ topics: [name] })
  const leader = topics.get(name)?.partitions[partition]?.leader ?? -1
  return brokerOf(admin, leader)
}

async function brokerOf(admin: Admin, node: number): Promise<Connection> {
  const connection = (await admin.connectToBrokers([node])).get(node)
  if (connection === undefined) throw new Error(`broker ${node} is not known to be there`)
  return connection
}

const groupKey = 0

/** The connection to the broker that coordinates a group. */
export async function coordinatorOf(admin: Admin, group: string): Promise<Connection> {
  const [coordinator] = await admin.findCoordinator({ keyType: groupKey, keys: [group] })
  return brokerOf(admin, coordinator?.nodeId ?? -1)
}
