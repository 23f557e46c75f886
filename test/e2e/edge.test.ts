import { connect, type Socket } from 'node:net'
import { create } from '@bufbuild/protobuf'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Failure } from '#mesh/errors.ts'
import { generateKey } from '#mesh/keys.ts'
import { Change_Kind, ConfigService, WatchResponseSchema } from '#proto/edgewise/config/v1/config_pb.ts'
import { type ActorSchema, IdentityService, VerifyKeyResponseSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import {
  IngestService,
  type UsageEvent,
  WriteEventsResponseSchema,
  WriteUsageResponseSchema,
} from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { QuerySchema, QueryService, ResultChunkSchema } from '#proto/edgewise/query/v1/query_pb.ts'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { temporaryDirectory } from '../support/directory.ts'
import { buildEdge, edgeToken, partly, type Running, startCore, startEdge } from './edge-harness.ts'

/** The real bundle on the real workerd, and a core that does what the tests say. */
const directory = temporaryDirectory()
const actors = new Map<string, MessageInitShape<typeof ActorSchema>>()
const changes: { kind: Change_Kind; workspace: string; name: string }[] = []
const seen = {
  calls: 0,
  cancelled: 0,
  usage: [] as UsageEvent[],
  tokens: new Set<string>(),
  bytes: 0,
  credentials: new Set<string>(),
}
let core: Running & { address: string }
let edge: Running

const scopes = ['endpoints:read', 'events:write']

function newKey(requests = 0): string {
  const key = generateKey()
  actors.set(key, {
    workspace: 'main',
    id: `key_${actors.size}`,
    scopes,
    plan: { name: 'plan', requests, windowSeconds: 60 },
  })
  return key
}

interface Init {
  readonly method?: string
  readonly body?: string | Uint8Array<ArrayBuffer>
  readonly headers?: Readonly<Record<string, string>>
}

function get(path: string, key: string, init: Init = {}): Promise<Response> {
  return fetch(`${edge.url}${path}`, { ...init, headers: { authorization: `Bearer ${key}`, ...init.headers } })
}

/** A caller that can leave as a crashed one does: workerd sees a reset at once, an orderly end only when it next writes. */
async function ask(path: string, key: string): Promise<Socket> {
  const { hostname, port } = new URL(edge.url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.write(`GET ${path} HTTP/1.1\r\nHost: edge\r\nX-API-Key: ${key}\r\n\r\n`)
  return socket
}

beforeAll(async () => {
  core = await startCore([
    partly(IdentityService, {
      async verifyKey({ key }, call) {
        seen.tokens.add(call.metadata.get('authorization') ?? '')
        const actor = actors.get(key)
        if (actor === undefined) throw new Failure('auth.invalid', 'The key is not known.')
        return create(VerifyKeyResponseSchema, { actor })
      },
    }),
    partly(ConfigService, {
      async watch({ since }) {
        return create(WatchResponseSchema, {
          cursor: String(changes.length),
          reset: since === '',
          changes: since === '' ? [] : changes.slice(Number(since)),
        })
      },
    }),
    partly(IngestService, {
      async writeUsage({ events }, call) {
        seen.tokens.add(call.metadata.get('authorization') ?? '')
        seen.usage.push(...events)
        return create(WriteUsageResponseSchema)
      },
      async writeEvents({ body }) {
        seen.bytes += body.byteLength
        return create(WriteEventsResponseSchema, { accepted: 1 })
      },
    }),
    partly(QueryService, {
      async describeQuery({ name }) {
        if (name === 'none')
          throw new Failure('resource.not_found', 'There is no query none.', { hint: 'Did you mean one?' })
        const cached = name !== 'slow_uncached'
        return create(QuerySchema, { name, version: 3, ...(cached && { cache: { ttlSeconds: 60 } }) })
      },
      async *callQuery({ name, version }, call) {
        seen.calls++
        seen.credentials.add(call.metadata.get('authorization') ?? '')
        call.signal.addEventListener('abort', () => void seen.cancelled++)
        yield create(ResultChunkSchema, {
          piece: { case: 'head', value: { contentType: 'application/json', queryVersion: version } },
        })
        if (name.startsWith('slow')) {
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, name === 'slow_shared' ? 400 : 20_000)
            call.signal.addEventListener('abort', () => {
              clearTimeout(timer)
              resolve()
            })
          })
        }
        const parts = name.startsWith('large') || name === 'broken_late' ? 24 : 1
        const value = parts === 1 ? new TextEncoder().encode('{"data":[]}') : new Uint8Array(100_000).fill(97)
        for (let i = 0; i < parts; i++) {
          if (name.startsWith('broken') && i === parts - 1) throw new Failure('query.failed', 'It broke.')
          yield create(ResultChunkSchema, { piece: { case: 'body', value } })
        }
        yield create(ResultChunkSchema, { piece: { case: 'tail', value: { rows: 0n } } })
      },
    }),
  ])
  await buildEdge(directory.path)
  edge = await startEdge(directory.path, core.address)
})

afterAll(async () => {
  await edge?.stop()
  await core?.stop()
  directory.remove()
})

describe('on workerd', () => {
  test('a question is a miss, then a hit with the same ETag, then 304', async () => {
    const key = newKey()
    const first = await get('/v1/endpoints/top', key)
    expect(await first.text()).toBe('{"data":[]}')
    expect(first.headers.get('cache-status')).toMatch(/uri-miss; stored/)
    const second = await get('/v1/endpoints/top', key)
    expect(second.headers.get('cache-status')).toMatch(/^Edgewise; hit/)
    const etag = second.headers.get('etag') ?? ''
    expect(etag).toBe(first.headers.get('etag'))
    expect((await get('/v1/endpoints/top', key, { headers: { 'if-none-match': etag } })).status).toBe(304)
    expect(seen.credentials).toEqual(new Set([`Bearer ${key}`]))
    expect([...seen.tokens]).toEqual([`Bearer ${edgeToken}`])
  })

  test('a failure of the core arrives as a problem with its own words', async () => {
    const response = await get('/v1/endpoints/none', newKey())
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({ code: 'resource.not_found', hint: 'Did you mean one?' })
    const broken = await get('/v1/endpoints/broken_early', newKey())
    expect(await broken.json()).toMatchObject({ code: 'query.failed', detail: 'It broke.' })
  })

  test('an answer that fails late breaks the connection, and nothing of it is kept', async () => {
    const response = await get('/v1/endpoints/broken_late', newKey())
    expect(response.status).toBe(200)
    await expect(response.arrayBuffer()).rejects.toThrow()
    const whole = await get('/v1/endpoints/large', newKey())
    expect((await whole.arrayBuffer()).byteLength).toBe(2_400_000)
    expect(whole.headers.get('cache-status')).toBe('Edgewise; fwd=bypass')
  })

  test('identical questions of several connections share one call, also when the first leaves', async () => {
    const key = newKey()
    await get('/v1/endpoints/top', key)
    const before = seen.calls
    const leaver = await ask('/v1/endpoints/slow_shared', key)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const others = Array.from({ length: 5 }, () => get('/v1/endpoints/slow_shared', key))
    await new Promise((resolve) => setTimeout(resolve, 50))
    leaver.resetAndDestroy()
    const answers = await Promise.all(others)
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    expect(seen.calls - before).toBe(1)
  })

  test.each(['slow_uncached', 'slow_cached'])('a caller of %s who goes away stops the query', async (name) => {
    const key = newKey()
    await get('/v1/endpoints/top', key)
    const before = seen.cancelled
    const leaver = await ask(`/v1/endpoints/${name}`, key)
    await new Promise((resolve) => setTimeout(resolve, 200))
    leaver.resetAndDestroy()
    await expect.poll(() => seen.cancelled - before, { timeout: 3_000 }).toBe(1)
  })

  test('a limit holds to the unit over the Durable Object', async () => {
    const key = newKey(40)
    const statuses: number[] = []
    for (let i = 0; i < 45; i++) {
      const response = await get('/v1/endpoints/top', key)
      statuses.push(response.status)
      if (response.status === 429) expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
      else expect(response.headers.get('ratelimit')).toMatch(new RegExp(`^"plan";r=${39 - i};t=\\d+$`))
    }
    expect(statuses.filter((status) => status === 200)).toHaveLength(40)
    expect(statuses.slice(40)).toEqual([429, 429, 429, 429, 429])
  })

  test('a revoked key is refused within five seconds', async () => {
    const key = newKey()
    expect((await get('/v1/endpoints/top', key)).status).toBe(200)
    const actor = actors.get(key)
    actors.delete(key)
    changes.push({ kind: Change_Kind.KEY, workspace: 'main', name: actor?.id ?? '' })
    const revokedAt = Date.now()
    await expect
      .poll(async () => (await get('/v1/endpoints/top', key)).status, { timeout: 6_000, interval: 100 })
      .toBe(401)
    expect(Date.now() - revokedAt).toBeLessThan(5_000)
  })

  test('a batch larger than allowed is 413, also when its length is not declared', async () => {
    const key = newKey()
    const before = seen.bytes
    const declared = await get('/v1/events/orders', key, { method: 'POST', body: new Uint8Array(33 << 20) })
    expect(declared.status).toBe(413)
    const { port } = new URL(edge.url)
    const status = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1')
      socket.on('error', reject)
      socket.on('data', (answer) => resolve(answer.toString().slice(9, 12)))
      socket.write(
        `POST /v1/events/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: ${key}\r\nTransfer-Encoding: chunked\r\n\r\n`,
      )
      const part = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(1 << 20, 32), Buffer.from('\r\n')])
      for (let i = 0; i < 33; i++) socket.write(part)
    })
    expect(status).toBe('413')
    expect(seen.bytes).toBe(before)
    const good = await get('/v1/events/orders', key, {
      method: 'POST',
      body: '{"a":1}',
      headers: { 'content-type': 'application/json' },
    })
    expect(good.status).toBe(202)
    expect(seen.bytes - before).toBe(7)
  })

  test('every authenticated request becomes a usage event within a second', async () => {
    const key = newKey()
    const id = `usage-${Date.now()}`
    await get('/v1/endpoints/top', key, { headers: { 'x-request-id': id } })
    await expect.poll(() => seen.usage.filter(({ requestId }) => requestId === id).length, { timeout: 1_000 }).toBe(1)
  })

  test('without the core, what is cached is given for a while and everything else is 503', async () => {
    const key = newKey()
    expect((await get('/v1/endpoints/top', key)).status).toBe(200)
    expect((await fetch(`${edge.url}/health/ready`)).status).toBe(200)
    await core.stop()
    await new Promise((resolve) => setTimeout(resolve, 5_200))
    const kept = await get('/v1/endpoints/top', key)
    expect(kept.status).toBe(200)
    expect(kept.headers.get('edgewise-fallback')).toBe('core-unreachable')
    expect((await get('/v1/endpoints/other', key)).status).toBe(503)
    expect((await fetch(`${edge.url}/health/ready`)).status).toBe(503)
    expect((await get('/v1/endpoints/top', generateKey())).status).toBe(503)
  })
})
