import { setTimeout as sleep } from 'node:timers/promises'
import { create } from '@bufbuild/protobuf'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Failure } from '#mesh/errors.ts'
import type { Call, Interceptor } from '#mesh/rpc/call.ts'
import { interceptors } from '#mesh/rpc/interceptors.ts'
import { ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { StreamSchema, WriteEventsResponseSchema } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { QuerySchema, type ResultChunk, ResultChunkSchema } from '#proto/edgewise/query/v1/query_pb.ts'
import { type Connected, transports } from './every-transport.ts'
import { services } from './services.ts'

interface Line {
  readonly level: string
  readonly fields: Record<string, unknown>
}

const key = 'Bearer secret-of-the-caller'
const chunk = (text: string): ResultChunk =>
  create(ResultChunkSchema, { piece: { case: 'body', value: new TextEncoder().encode(text) } })

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(thrown instanceof Failure)) throw new Error('not a Failure', { cause: thrown })
  return thrown
}

async function collect(stream: AsyncIterable<ResultChunk>, into: string[] = []): Promise<string[]> {
  for await (const { piece } of stream) into.push(new TextDecoder().decode(piece.value as Uint8Array))
  return into
}

/** Everything the fake services saw. */
interface Seen {
  call?: Call
  aborted?: Promise<unknown>
  returned: number
  yielded: number
}

describe.each(Object.keys(transports))('over %s', (name) => {
  let seen: Seen
  let lines: Line[]
  let counted: { service: string; method: string; code: string }[]
  let connected: Connected
  let around: readonly Interceptor[]

  const abortedOf = (call: Call): Promise<unknown> =>
    new Promise((resolve) => call.signal.addEventListener('abort', () => resolve(call.signal.reason)))

  beforeEach(async () => {
    seen = { returned: 0, yielded: 0 }
    lines = []
    counted = []
    const log = (level: string) => (fields: object) => void lines.push({ level, fields: { ...fields } })
    around = interceptors({
      authenticate: async (call) => {
        const sent = call.metadata.get('authorization')
        if (sent === undefined) return undefined
        if (sent !== key) throw new Failure('auth.invalid', 'The key does not hold.')
        return create(ActorSchema, { workspace: 'main', id: 'key_1' })
      },
      open: ['/edgewise.query.v1.QueryService/DeleteQuery'],
      log: { debug: log('debug'), info: log('info'), error: log('error') },
      metrics: { observe: (call) => void counted.push(call) },
    })
    const connect = transports[name]
    if (connect === undefined) throw new Error(name)
    connected = await connect(
      services({
        query: {
          async *runSql(request, call) {
            seen.call = call
            seen.aborted = abortedOf(call)
            try {
              yield chunk('first ')
              if (request.sql === 'fail') throw new Failure('query.failed', 'Überlauf in „Spalte 7“ 💥')
              if (request.sql === 'break') throw new TypeError('row is undefined')
              if (request.sql === 'hang') await sleep(60_000, undefined, { signal: call.signal })
              if (request.sql === 'hang deaf') await sleep(5_000, undefined, { ref: false })
              if (request.sql === 'flood') {
                const block = chunk('x'.repeat(64 << 10))
                for (; seen.yielded < 2_000; seen.yielded++) yield block
              }
              yield chunk('second ')
              yield chunk('third')
            } finally {
              seen.returned++
            }
          },
          async describeQuery(request, call) {
            seen.call = call
            seen.aborted = abortedOf(call)
            if (request.name === 'slow') await sleep(60_000, undefined, { signal: call.signal })
            if (request.name === 'deaf') await sleep(5_000, undefined, { ref: false })
            if (request.name === 'bug') throw new TypeError('password is hunter2')
            if (request.name === 'missing') {
              throw new Failure('query.unknown_column', 'Нет столбца «prix €» 💥\nin line 2', {
                hint: 'Did you mean price?',
                errors: [
                  { line: 2, column: 7, reason: 'unbekannt: ä' },
                  { pointer: '/sql', reason: 'see there' },
                ],
                retryAfterMs: 1_500,
                cause: new Error('the engine’s own words'),
              })
            }
            return create(QuerySchema, { name: request.name, version: 7, description: 'größer 漢字' })
          },
          async deleteQuery(_request, call) {
            seen.call = call
            return create(QuerySchema) as never
          },
        },
        ingest: {
          async writeEvents(request) {
            request.body.fill(0)
            return create(WriteEventsResponseSchema, { accepted: request.body.byteLength })
          },
          async getStream(request) {
            return create(StreamSchema, { name: request.name })
          },
        },
      }),
      around,
      () => ({ authorization: key }),
    )
  })
  afterEach(() => connected.close())

  test('a unary call is answered', async () => {
    const answer = await connected.query.describeQuery({ name: 'top' })
    expect(answer).toMatchObject({ name: 'top', version: 7, description: 'größer 漢字' })
  })

  test('an empty message is a message', async () => {
    expect((await connected.ingest.getStream({})).name).toBe('')
  })

  test('a stream arrives in order and ends', async () => {
    expect(await collect(connected.query.runSql({ sql: 'SELECT 1' }))).toEqual(['first ', 'second ', 'third'])
    expect(seen.returned).toBe(1)
  })

  test('a failure arrives with everything it says, in any script, and without its cause', async () => {
    const failure = await failureOf(connected.query.describeQuery({ name: 'missing' }))
    expect(failure).toMatchObject({
      problem: 'query.unknown_column',
      code: 'invalid_argument',
      message: 'Нет столбца «prix €» 💥\nin line 2',
      hint: 'Did you mean price?',
      errors: [
        { line: 2, column: 7, reason: 'unbekannt: ä' },
        { pointer: '/sql', reason: 'see there' },
      ],
      retryAfterMs: 1_500,
    })
    expect(String(failure.cause)).not.toContain('own words')
  })

  test('a bug is answered opaquely, and logged with its cause and the request id', async () => {
    const failure = await failureOf(
      connected.query.describeQuery({ name: 'bug' }, { metadata: { 'x-request-id': 'bug-1' } }),
    )
    expect(failure.problem).toBe('internal.error')
    expect(`${failure.message} ${failure.hint} ${String(failure.cause)}`).not.toContain('hunter2')
    const logged = lines.find(({ level }) => level === 'error')
    expect(logged?.fields).toMatchObject({ requestId: 'bug-1', err: new TypeError('password is hunter2') })
  })

  test.each([
    ['fail', 'query.failed', 'Überlauf in „Spalte 7“ 💥'],
    ['break', 'internal.error', 'An unexpected error occurred.'],
  ])('a stream that comes to %s gives what it had, then the failure', async (sql, problem, message) => {
    const got: string[] = []
    const failure = await failureOf(collect(connected.query.runSql({ sql }), got))
    expect(failure.problem).toBe(problem)
    expect(got).toEqual(['first '])
    expect(failure.message).toBe(message)
  })

  test.each(['slow', 'deaf'])('a call past its deadline fails in time, its handler told (%s)', async (handler) => {
    const began = performance.now()
    const failure = await failureOf(connected.query.describeQuery({ name: handler }, { timeoutMs: 150 }))
    expect(failure.problem).toBe('limit.deadline')
    expect(performance.now() - began).toBeLessThan(1_000)
    // The server counts from when the call arrived: over gRPC the caller's leaving may be a little earlier.
    expect(await seen.aborted).toMatchObject({ problem: expect.stringMatching(/^(limit.deadline|request.cancelled)$/) })
  })

  test.each(['hang', 'hang deaf'])('a stream past its deadline fails in time (%s)', async (sql) => {
    const got: string[] = []
    const began = performance.now()
    const failure = await failureOf(collect(connected.query.runSql({ sql }, { timeoutMs: 150 }), got))
    expect(failure.problem).toBe('limit.deadline')
    expect(got).toEqual(['first '])
    expect(performance.now() - began).toBeLessThan(1_000)
  })

  test('a caller that states no deadline gets the policy’s, and one that states too long a one its maximum', async () => {
    await connected.query.describeQuery({ name: 'top' })
    expect((seen.call?.deadline ?? 0) - Date.now()).toBeGreaterThan(28_000)
    expect((seen.call?.deadline ?? 0) - Date.now()).toBeLessThanOrEqual(30_000)
    await connected.query.describeQuery({ name: 'top' }, { timeoutMs: 3_000_000 })
    expect((seen.call?.deadline ?? 0) - Date.now()).toBeLessThanOrEqual(300_000)
    expect((seen.call?.deadline ?? 0) - Date.now()).toBeGreaterThan(298_000)
  })

  test('a deadline that has passed already is a failure, and no call', async () => {
    const failure = await failureOf(connected.query.describeQuery({ name: 'top' }, { timeoutMs: 0 }))
    expect(failure.problem).toBe('limit.deadline')
    expect(seen.call).toBeUndefined()
  })

  test('a caller that aborts a unary call stops its handler', async () => {
    const controller = new AbortController()
    const failed = failureOf(connected.query.describeQuery({ name: 'slow' }, { signal: controller.signal }))
    await expect.poll(() => seen.call).toBeDefined()
    controller.abort()
    expect((await failed).problem).toBe('request.cancelled')
    expect(await seen.aborted).toMatchObject({ problem: 'request.cancelled' })
  })

  test('a caller that aborts a stream stops its handler', async () => {
    const controller = new AbortController()
    const got: string[] = []
    const failed = failureOf(collect(connected.query.runSql({ sql: 'hang' }, { signal: controller.signal }), got))
    await expect.poll(() => got).toEqual(['first '])
    controller.abort()
    expect((await failed).problem).toBe('request.cancelled')
    expect(await seen.aborted).toMatchObject({ problem: 'request.cancelled' })
    await expect.poll(() => seen.returned).toBe(1)
  })

  test('a caller that stops reading stops the handler', async () => {
    for await (const _ of connected.query.runSql({ sql: 'flood' })) break
    await seen.aborted
    await expect.poll(() => seen.returned).toBe(1)
    expect(seen.yielded).toBeLessThan(2_000)
  })

  test('a signal that has aborted already makes no call', async () => {
    const signal = AbortSignal.abort()
    expect((await failureOf(connected.query.describeQuery({ name: 'top' }, { signal }))).problem).toBe(
      'request.cancelled',
    )
    expect((await failureOf(collect(connected.query.runSql({ sql: '' }, { signal })))).problem).toBe(
      'request.cancelled',
    )
    expect(seen.call).toBeUndefined()
  })

  test('a slow reader holds the handler back', async () => {
    let read = 0
    for await (const _ of connected.query.runSql({ sql: 'flood' })) {
      if (++read === 10) break
      await sleep(20)
    }
    // 128 MB were to come. What was made beyond what was read fits in the buffers on the way.
    expect(seen.yielded).toBeLessThan(500)
  })

  test('metadata reaches the handler, by lower-case name', async () => {
    await connected.query.describeQuery({ name: 'top' }, { metadata: { 'X-Workspace-Hint': 'a b' } })
    expect(seen.call?.metadata.get('x-workspace-hint')).toBe('a b')
  })

  test('a request id is taken over if it is well formed, else made', async () => {
    const idOf = async (sent: string): Promise<string | undefined> => {
      await connected.query.describeQuery({ name: 'top' }, { metadata: { 'x-request-id': sent } })
      return seen.call?.requestId
    }
    expect(await idOf('abc-123')).toBe('abc-123')
    const made = [await idOf('a b'), await idOf('x'.repeat(65)), await idOf('<script>')]
    for (const id of made) expect(id).toMatch(/^req_[0-9a-z]{12,60}$/)
    expect(new Set(made).size).toBe(3)
  })

  test('a trace goes on under a new span, and a malformed one is begun anew', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c'
    const contextOf = async (sent: string): Promise<string | undefined> => {
      await connected.query.describeQuery({ name: 'top' }, { metadata: { traceparent: sent } })
      return seen.call?.traceparent
    }
    const continued = await contextOf(`00-${trace}-b7ad6b7169203331-01`)
    expect(continued).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`))
    expect(continued).not.toContain('b7ad6b7169203331')
    for (const bad of ['nonsense', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, `ff-${trace}-b7ad6b7169203331-01`]) {
      const begun = await contextOf(bad)
      expect(begun).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
      expect(begun).not.toContain(trace)
    }
  })

  test('the actor is known to the handler; a bad or missing credential never reaches it', async () => {
    await connected.query.describeQuery({ name: 'top' })
    expect(seen.call?.actor).toMatchObject({ workspace: 'main', id: 'key_1' })
    delete seen.call
    const authorization = 'Bearer another'
    const bad = await failureOf(connected.query.describeQuery({ name: 'top' }, { metadata: { authorization } }))
    expect(bad.problem).toBe('auth.invalid')
    const badStream = await failureOf(collect(connected.query.runSql({ sql: '' }, { metadata: { authorization } })))
    expect(badStream.problem).toBe('auth.invalid')
    expect(seen.call).toBeUndefined()
  })

  test('every call is counted and logged once, refused ones too, and never a secret', async () => {
    await connected.query.describeQuery({ name: 'top' }, { metadata: { 'x-request-id': 'one' } })
    await collect(connected.query.runSql({ sql: 'SELECT 1' }))
    await failureOf(
      connected.query.describeQuery({ name: 'top' }, { metadata: { authorization: 'Bearer other-secret' } }),
    )
    const query = 'edgewise.query.v1.QueryService'
    await expect.poll(() => counted.length).toBe(3)
    expect(counted).toMatchObject([
      { service: query, method: 'DescribeQuery', code: 'ok' },
      { service: query, method: 'RunSql', code: 'ok' },
      { service: query, method: 'DescribeQuery', code: 'unauthenticated' },
    ])
    expect(lines).toMatchObject([
      { level: 'debug', fields: { requestId: 'one', rpc: `/${query}/DescribeQuery`, code: 'ok', actor: 'key_1' } },
      { level: 'debug', fields: { rpc: `/${query}/RunSql`, code: 'ok' } },
      { level: 'info', fields: { code: 'unauthenticated', problem: 'auth.invalid' } },
    ])
    for (const { fields } of lines) expect(fields['durationMs']).toBeGreaterThanOrEqual(0)
    expect(JSON.stringify(lines)).not.toContain('secret')
  })

  test('what the handler does to a request, and the caller to an answer, stays with them', async () => {
    const body = new TextEncoder().encode('{"a":1}')
    await connected.ingest.writeEvents({ stream: 'orders', body })
    expect(new TextDecoder().decode(body)).toBe('{"a":1}')
  })

  // In memory there is no wire to be protected.
  if (name === 'memory') return
  test('a request over its method’s limit is refused as too large, one below it is not', async () => {
    expect((await failureOf(connected.query.describeQuery({ name: 'x'.repeat(2 << 20) }))).problem).toBe(
      'request.too_large',
    )
    const { accepted } = await connected.ingest.writeEvents({ stream: 'orders', body: new Uint8Array(8 << 20) })
    expect(accepted).toBe(8 << 20)
  })
})
