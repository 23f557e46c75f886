import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { credentials } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectWeb } from '#mesh/rpc/web.ts'
import { ConfigService } from '#proto/edgewise/config/v1/config_pb.ts'
import { IngestService } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { UserService } from '#proto/edgewise/identity/v1/user_pb.ts'
import { connectBare } from '../support/bare-grpc.ts'
import { type RunningCore, startCore } from '../support/core.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { program } from '../support/optional.ts'

const openssl = program('openssl')
const directory = temporaryDirectory()
const at = (name: string) => join(directory.path, name)

const edge = 'spiffe://cluster.local/ns/edge/sa/edge'
const orders = 'spiffe://cluster.local/ns/shop/sa/orders'
const codes = { ok: 0, denied: 7, unavailable: 14, unauthenticated: 16 }
const { watch } = ConfigService.method
const { listStreams, deleteStream } = IngestService.method

let core: RunningCore | undefined
beforeAll(async () => {
  if (openssl === undefined) return
  for (const name of ['mesh', 'other']) authority(name)
  certificate('core', 'mesh', 'DNS:localhost')
  certificate('edge', 'mesh', `URI:${edge}`)
  certificate('orders', 'mesh', `URI:${orders}`)
  certificate('stranger', 'mesh', 'URI:spiffe://cluster.local/ns/shop/sa/stranger')
  certificate('two', 'mesh', `URI:${edge},URI:${orders}`)
  certificate('forged', 'other', `URI:${edge}`)
  core = await startCore(at('data'), {
    CORE_GRPC_CERT_FILE: at('core.crt'),
    CORE_GRPC_KEY_FILE: at('core.key'),
    CORE_GRPC_CLIENT_CA_FILE: at('mesh.crt'),
    SERVICE_IDENTITIES: `${edge} internal:edge, ${orders} workspace=main streams:read`,
  })
}, 120_000)
afterAll(async () => {
  await core?.stop()
  directory.remove()
})

const keys = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

function run(...args: readonly string[]): void {
  execFileSync(openssl ?? '', args, { stdio: 'pipe', cwd: directory.path })
}

function authority(name: string): void {
  run('req', '-x509', ...keys, '-days', '1', '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.crt`)
}

/** As a mesh gives them: no subject, and a name that says who it is. */
function certificate(name: string, by: string, subjectAltName: string): void {
  run('req', '-new', ...keys, '-subj', '/', '-keyout', `${name}.key`, '-out', `${name}.csr`)
  writeFileSync(at(`${name}.ext`), `subjectAltName=critical,${subjectAltName}\n`)
  const signing = [
    '-CA',
    `${by}.crt`,
    '-CAkey',
    `${by}.key`,
    '-CAcreateserial',
    '-days',
    '1',
    '-extfile',
    `${name}.ext`,
  ]
  run('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.crt`, ...signing)
}

function connect(name: string | undefined) {
  const shown = name === undefined ? [null, null] : [readFileSync(at(`${name}.key`)), readFileSync(at(`${name}.crt`))]
  const [key = null, chain = null] = shown
  return connectBare(
    (core?.grpc ?? '').replace('127.0.0.1', 'localhost'),
    credentials.createSsl(readFileSync(at('mesh.crt')), key, chain),
  )
}

describe.skipIf(openssl === undefined)('over mutual TLS', () => {
  test.each([
    ['edge', [codes.ok, codes.denied, codes.denied]],
    ['orders', [codes.denied, codes.ok, codes.denied]],
    ['stranger', [codes.unauthenticated, codes.unauthenticated, codes.unauthenticated]],
    ['two', [codes.unauthenticated, codes.unauthenticated, codes.unauthenticated]],
    ['forged', [codes.unavailable, codes.unavailable, codes.unavailable]],
    [undefined, [codes.unavailable, codes.unavailable, codes.unavailable]],
  ])('whoever shows the certificate %s may do what its service may', async (name, expected) => {
    using client = connect(name)
    expect([
      await client.call(watch, null),
      await client.call(listStreams, null),
      await client.call(deleteStream, null),
    ]).toEqual(expected)
  })

  test('a credential counts before the certificate: it is somebody else’s call', async () => {
    using client = connect('edge')
    expect(await client.call(watch, core?.adminKey ?? '')).toBe(codes.denied)
    expect(await client.call(UserService.method.listUsers, core?.adminKey ?? '')).toBe(codes.ok)
    expect(await client.call(watch, 'nonsense')).toBe(codes.unauthenticated)
  })

  test('what a caller says of its certificate is nothing', async () => {
    using client = connect('stranger')
    expect(await client.call(watch, null, { 'x-forwarded-client-cert': `URI=${edge}` })).toBe(codes.unauthenticated)
  })

  test('nobody comes in without', async () => {
    using client = connectBare(core?.grpc ?? '')
    expect(await client.call(watch, core?.adminKey ?? '')).toBe(codes.unavailable)
  })
})

test('behind a sidecar that is believed, services are who it says they are', { timeout: 120_000 }, async () => {
  const behind = await startCore(at('behind'), {
    SERVICE_IDENTITIES: `${edge} internal:edge`,
    FORWARDED_CLIENT_CERT: 'loopback',
  })
  try {
    using client = connectBare(behind.grpc)
    const by = (uri: string) => ({ 'x-forwarded-client-cert': `By=x;Hash=y;Subject="";URI=${uri}` })
    expect(await client.call(watch, null, by(edge))).toBe(codes.ok)
    expect(await client.call(watch, null, by(orders))).toBe(codes.unauthenticated)
    expect(await client.call(watch, null)).toBe(codes.unauthenticated)
    const overHttp = connectWeb(ConfigService, { url: behind.http, headers: by(edge) })
    expect(await overHttp.watch({ since: '' })).toMatchObject({ reset: true })
  } finally {
    await behind.stop()
  }
})

test.each([
  [{ SERVICE_IDENTITIES: 'nobody internal:edge' }, /SERVICE_IDENTITIES: `nobody` is not a SPIFFE ID/],
  [{ CORE_GRPC_CERT_FILE: '/nowhere.crt' }, /CORE_GRPC_CERT_FILE: ENOENT/],
])('a configuration that does not hold is named: %j', async (env, why) => {
  await expect(startCore(at('broken'), env)).rejects.toThrow(why)
})
