import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from 'vitest'
import { Failure } from '#mesh/errors.ts'
import type { RunSqlRequest } from '#proto/edgewise/query/v1/query_pb.ts'
import { ResultChunkSchema } from '#proto/edgewise/query/v1/query_pb.ts'
import { joined } from '../../../../edge/cache/collect.ts'
import { cityHash128 } from '../../../../edge/routes/clickhouse/city-hash.ts'
import { createEdge, createFakeCore, type Edge } from '../../support.ts'

let edge: Edge
let key: string
let asked: Partial<RunSqlRequest>[]
let answer: () => AsyncIterable<string | Uint8Array>

beforeEach(() => {
  asked = []
  answer = async function* () {
    yield '1\n'
  }
  const fake = createFakeCore()
  Object.assign(fake.core.query, {
    async *runSql(request: Partial<RunSqlRequest>) {
      asked.push(request)
      const value = { contentType: 'text/tab-separated-values; charset=UTF-8', format: 'TabSeparated' }
      yield create(ResultChunkSchema, { piece: { case: 'head', value } })
      for await (const part of answer()) {
        const bytes = typeof part === 'string' ? new TextEncoder().encode(part) : part
        yield create(ResultChunkSchema, { piece: { case: 'body', value: bytes } })
      }
      const tail = { rows: 1n, rowsRead: 7n, bytesRead: 70n, elapsedUs: 5n }
      yield create(ResultChunkSchema, { piece: { case: 'tail', value: tail } })
    },
  })
  edge = createEdge({ fake })
  key = edge.fake.key()
})

const basic = (password: string) => ({ authorization: `Basic ${btoa(`default:${password}`)}` })
const post = (path: string, body: BodyInit, headers: Record<string, string> = {}) =>
  edge.get(
    path,
    undefined,
    { 'x-clickhouse-user': 'any', 'x-clickhouse-key': key, ...headers },
    { method: 'POST', body },
  )

/** What came before the connection broke, and whether it did. */
async function readUntilBroken(response: Response): Promise<{ bytes: Uint8Array<ArrayBuffer>; broken: boolean }> {
  const parts: Uint8Array[] = []
  try {
    for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) parts.push(part)
  } catch {
    return { bytes: whole(parts), broken: true }
  }
  return { bytes: whole(parts), broken: false }
}

function whole(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return joined(
    parts,
    parts.reduce((sum, { byteLength }) => sum + byteLength, 0),
  )
}

function unzipped(bytes: ArrayBuffer | Uint8Array<ArrayBuffer>): Promise<string> {
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text()
}

describe('a credential', () => {
  test.each([
    ['X-ClickHouse-Key', (k: string) => ({ 'x-clickhouse-key': k })],
    ['basic', basic],
    ['bearer', (k: string) => ({ authorization: `Bearer ${k}` })],
    ['X-API-Key', (k: string) => ({ 'x-api-key': k })],
  ])('is taken as %s', async (_, headersOf) => {
    expect((await edge.get('/clickhouse/?query=SELECT%201', undefined, headersOf(key))).status).toBe(200)
  })

  test.each([
    ['none', {}, 401, '194', 'REQUIRED_PASSWORD'],
    ['a wrong one', basic('ew_nonsense'), 401, '516', 'AUTHENTICATION_FAILED'],
    ['an empty one', basic(''), 401, '194', 'REQUIRED_PASSWORD'],
    ['what is no base64', { authorization: 'Basic %%%' }, 401, '516', 'AUTHENTICATION_FAILED'],
  ])('%s is refused in ClickHouse’s words', async (_, headers, status, code, name) => {
    const response = await edge.get('/clickhouse?query=SELECT%201', undefined, headers)
    expect(response.status).toBe(status)
    expect(response.headers.get('x-clickhouse-exception-code')).toBe(code)
    expect(await response.text()).toMatch(new RegExp(`^Code: ${code}\\. DB::Exception: .*\\(${name}\\)\\n$`))
  })

  test('in the URL is refused, and not repeated', async () => {
    const response = await post(`/clickhouse/?user=default&password=${key}`, 'SELECT 1')
    expect(response.status).toBe(401)
    const text = await response.text()
    expect(text).toContain('ends up in logs')
    expect(text).not.toContain(key)
    expect(asked).toEqual([])
  })

  test('of basic is taken by nothing else', async () => {
    expect((await edge.get('/v1/sql?q=SELECT%201', undefined, basic(key))).status).toBe(401)
  })
})

describe('a request', () => {
  test('has its text in the URL, the body or both, and the rest beside it', async () => {
    const search =
      'query=SELECT%20%7Bn%3AInt8%7D&param_n=1&default_format=JSON&database=main&max_result_rows=5&query_id=q1'
    const response = await post(`/clickhouse/?${search}`, 'FORMAT CSV')
    expect(asked).toEqual([
      {
        sql: 'SELECT {n:Int8}\nFORMAT CSV',
        params: { n: '1' },
        clickhouse: { format: 'JSON', settings: { max_result_rows: '5' }, database: 'main' },
      },
    ])
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/tab-separated-values; charset=UTF-8',
      'x-clickhouse-query-id': 'q1',
      'x-clickhouse-format': 'TabSeparated',
      'x-clickhouse-timezone': 'UTC',
    })
    expect(JSON.parse(response.headers.get('x-clickhouse-summary') ?? '')).toMatchObject({
      read_rows: '7',
      read_bytes: '70',
      result_rows: '1',
      result_bytes: '2',
      elapsed_ns: '5000',
    })
    expect(await response.text()).toBe('1\n')
  })

  test('may be a form', async () => {
    const form = new FormData()
    form.set('query', 'SELECT {n:Int8}')
    form.set('param_n', '2')
    await post('/clickhouse', form)
    expect(asked).toMatchObject([{ sql: 'SELECT {n:Int8}', params: { n: '2' } }])
  })

  test.each([
    ['nothing', '/clickhouse/', '', {}, 62],
    ['a parameter twice', '/clickhouse/?param_n=1&param_n=2', 'SELECT 1', {}, 36],
    ['a compressed query', '/clickhouse/', 'SELECT 1', { 'content-encoding': 'gzip' }, 36],
    ['a broken form', '/clickhouse/', 'x', { 'content-type': 'multipart/form-data; boundary=b' }, 36],
  ])('of %s is refused', async (_, path, body, headers, code) => {
    const response = await post(path, body, headers)
    expect(response.headers.get('x-clickhouse-exception-code')).toBe(String(code))
    expect(asked).toEqual([])
  })

  test('is one more of the plan, and of the usage', async () => {
    const response = await post('/clickhouse/', 'SELECT 1')
    expect(response.headers.get('ratelimit')).toMatch(/r=999/)
    await edge.settled()
    expect(edge.fake.state.usage).toMatchObject([{ status: 200, rowsRead: 7n, bytesRead: 70n }])
  })
})

describe('an answer', () => {
  test('is gzip where it is asked for twice', async () => {
    const gzip = { 'accept-encoding': 'gzip, br' }
    expect((await post('/clickhouse/', 'SELECT 1', gzip)).headers.has('content-encoding')).toBe(false)
    const response = await post('/clickhouse/?enable_http_compression=1', 'SELECT 1', gzip)
    expect(response.headers.get('content-encoding')).toBe('gzip')
    expect(await unzipped(await response.arrayBuffer())).toBe('1\n')
  })

  test('is in ClickHouse’s own blocks where it is asked for them', async () => {
    answer = async function* () {
      yield 'x'.repeat(70_000)
    }
    const bytes = new Uint8Array(await (await post('/clickhouse/?compress=1', 'SELECT 1')).arrayBuffer())
    const view = new DataView(bytes.buffer)
    const sizes = []
    for (let at = 0; at < bytes.length; at += 16 + view.getUint32(at + 17, true)) {
      const block = bytes.subarray(at + 16, at + 16 + view.getUint32(at + 17, true))
      expect(cityHash128(block)).toEqual([view.getBigUint64(at, true), view.getBigUint64(at + 8, true)])
      expect(block[0]).toBe(0x82)
      sizes.push(view.getUint32(at + 21, true))
    }
    expect(sizes).toEqual([65_536, 4_464])
  })

  test('says its progress to whoever asks', async () => {
    const response = await post('/clickhouse/?send_progress_in_http_headers=1', 'SELECT 1')
    expect(JSON.parse(response.headers.get('x-clickhouse-progress') ?? '')).toMatchObject({ read_rows: '7' })
  })

  test.each([['plain'], ['gzip']])('that fails in its middle says so and breaks off: %s', async (how) => {
    answer = async function* () {
      for (let n = 0; n < 3; n++) yield 'x'.repeat(1 << 19)
      throw new Failure('query.timeout', 'The query took longer than it may.')
    }
    const response = await post('/clickhouse/?enable_http_compression=1', 'SELECT 1', {
      'accept-encoding': how === 'gzip' ? 'gzip' : 'identity',
    })
    expect(response.status).toBe(200)
    const tag = response.headers.get('x-clickhouse-exception-tag') ?? ''
    const { bytes, broken } = await readUntilBroken(response)
    expect(broken).toBe(true)
    const text = (how === 'gzip' ? await unzipped(bytes) : new TextDecoder().decode(bytes)).slice(3 << 19)
    const message = 'Code: 159. DB::Exception: The query took longer than it may. (TIMEOUT_EXCEEDED)\n'
    expect(text).toBe(`\r\n__exception__\r\n${tag}\r\n${message}${message.length} ${tag}\r\n__exception__\r\n`)
  })

  test('that is whole has no exception in it', async () => {
    answer = async function* () {
      for (let n = 0; n < 3; n++) yield 'x'.repeat(1 << 19)
    }
    const { bytes, broken } = await readUntilBroken(await post('/clickhouse/', 'SELECT 1'))
    expect([bytes.length, broken]).toEqual([3 << 19, false])
  })

  test.each([
    [
      new Failure('query.unknown_table', 'There is no stream `x`.'),
      404,
      'Code: 60. DB::Exception: There is no stream `x`. (UNKNOWN_TABLE)\n',
    ],
    [
      new Failure('query.unknown_table', 'There is no stream `x`.', { hint: 'Did you mean `y`?' }),
      404,
      'Code: 60. DB::Exception: There is no stream `x`. Did you mean `y`? (UNKNOWN_TABLE)\n',
    ],
    [
      new Failure('query.syntax', 'unexpected FRM.', { errors: [{ line: 1, column: 10, reason: 'x' }] }),
      400,
      'Code: 62. DB::Exception: unexpected FRM. (line 1, col 10) (SYNTAX_ERROR)\n',
    ],
    [
      new Failure('query.failed', 'Illegal.', {
        errors: [{ pointer: 'clickhouse', reason: '43 ILLEGAL_TYPE_OF_ARGUMENT' }],
      }),
      400,
      'Code: 43. DB::Exception: Illegal. (ILLEGAL_TYPE_OF_ARGUMENT)\n',
    ],
    [
      new Failure('limit.concurrency', 'Too many.'),
      429,
      'Code: 202. DB::Exception: Too many. (TOO_MANY_SIMULTANEOUS_QUERIES)\n',
    ],
  ])('is an exception where it fails: %s', async (failure, status, text) => {
    answer = async function* () {
      yield await Promise.reject(failure)
    }
    const response = await post('/clickhouse/', 'SELECT 1')
    expect([response.status, await response.text()]).toEqual([status, text])
    expect(response.headers.get('x-clickhouse-exception-code')).toBe(/\d+/.exec(text)?.[0])
  })

  test('of a bug is opaque, and logged', async () => {
    answer = async function* () {
      yield await Promise.reject(new Error('inside'))
    }
    const response = await post('/clickhouse/', 'SELECT 1')
    expect([response.status, await response.text()]).toEqual([500, expect.not.stringContaining('inside')])
    expect(edge.logged).toHaveLength(1)
  })
})

test('a driver that knows no path asks at the root', async () => {
  const headers = { 'x-clickhouse-database': 'main', 'x-clickhouse-format': 'RowBinary' }
  const response = await post('/', 'SELECT 1', headers)
  expect(await response.text()).toBe('1\n')
  expect(asked).toMatchObject([{ clickhouse: { format: 'RowBinary', database: 'main' } }])
  const refused = await edge.get('/', undefined, {}, { method: 'POST', body: 'SELECT 1' })
  expect([refused.status, refused.headers.get('x-clickhouse-exception-code')]).toEqual([401, '194'])
})

test('ping is open to all', async () => {
  const response = await edge.get('/clickhouse/ping')
  expect([response.status, await response.text()]).toEqual([200, 'Ok.\n'])
})
