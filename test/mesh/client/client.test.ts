import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { build } from 'esbuild'
import { describe, expect, test } from 'vitest'
import { createClient, EdgewiseError } from '#mesh/client/index.ts'
import { listen } from '../rpc/every-transport.ts'

interface Seen {
  readonly url: URL
  readonly method: string
  readonly headers: Headers
  readonly body: string
}

/** A gateway of which only `fetch` exists: answers one after the other, the last one for good. */
function gateway(...answers: (() => Response | Promise<Response>)[]) {
  const seen: Seen[] = []
  const fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const body =
      typeof init.body === 'string'
        ? init.body
        : init.body instanceof Uint8Array
          ? new TextDecoder().decode(init.body)
          : ''
    seen.push({ url: new URL(url), method: init.method ?? 'GET', headers: new Headers(init.headers), body })
    const answer = answers[Math.min(seen.length, answers.length) - 1]
    init.signal?.throwIfAborted()
    const gone = new Promise<never>((_, reject) =>
      init.signal?.addEventListener('abort', () => reject(init.signal?.reason as Error)),
    )
    return Promise.race([answer!(), gone])
  }
  return { seen, client: createClient({ url: 'http://edge.test/', key: 'ew_key', fetch }) }
}

const written = () =>
  Response.json({ accepted: 1, quarantined: 0, errors: [], offsets: [{ partition: 0, offset: 7 }] }, { status: 202 })
const busy = () =>
  Response.json(
    {
      code: 'limit.queue_full',
      title: 'The queue is full',
      status: 503,
      detail: 'Full.',
      hint: 'Wait.',
      retryable: true,
      request_id: 'r1',
    },
    { status: 503, headers: { 'retry-after': '0' } },
  )

describe('retries', () => {
  test('a batch of events is sent again under the same Idempotency-Key', async () => {
    const { seen, client } = gateway(busy, () => Promise.reject(new TypeError('fetch failed')), written)
    await expect(client.ingest('orders', [{ a: 1 }])).resolves.toMatchObject({ accepted: 1 })
    expect(seen).toHaveLength(3)
    expect(new Set(seen.map(({ headers }) => headers.get('idempotency-key'))).size).toBe(1)
    expect(seen[0]?.headers.get('idempotency-key')).toMatch(/.{36}/)
  })

  test('a batch whose answer was cut off, or whose gateway is away for a while, is there once', async () => {
    const keys: (string | undefined)[] = []
    const rows = new Map<string, string>()
    // What a gateway that dies in the middle of its answer leaves behind: the rows are there, the answer is not.
    function reply(request: IncomingMessage, response: ServerResponse, body: string): void {
      const key = String(request.headers['idempotency-key'])
      keys.push(key)
      const replayed = rows.has(key)
      rows.set(key, body)
      const written = { accepted: 1, quarantined: 0, errors: [], offsets: [], ...(replayed && { replayed }) }
      const answer = JSON.stringify(written)
      const cut = keys.length === 2 ? () => request.socket.resetAndDestroy() : () => response.destroy()
      if (keys.length === 1) request.socket.destroy()
      else if (keys.length > 4) response.writeHead(202, { 'content-type': 'application/json' }).end(answer)
      else response.writeHead(202, { 'content-length': answer.length }).write(answer.slice(0, 10), cut)
    }
    const server = createServer((request, response) => {
      void text(request).then((body) => reply(request, response, body))
    })
    const client = createClient({ url: await listen(server) })
    await expect(client.ingest('orders', [{ a: 1 }])).resolves.toMatchObject({ accepted: 1, replayed: true })
    expect(keys).toHaveLength(5)
    expect([...rows]).toEqual([[keys[0], '{"a":1}\n']])
    server.close()
  })

  test('a gateway that stays away ends the call when its time is over, not later', async () => {
    const { seen, client } = gateway(() => Promise.reject(new TypeError('fetch failed')))
    const began = performance.now()
    await expect(client.ingest('orders', [{ a: 1 }], { timeoutMs: 600 })).rejects.toMatchObject({
      code: 'client.unreachable',
    })
    expect(performance.now() - began).toBeLessThan(700)
    expect(seen.length).toBeGreaterThan(1)
  })

  test('a POST that may not be repeated is not', async () => {
    const { seen, client } = gateway(busy)
    await expect(client.keys.create({ scopes: ['sql:read'] })).rejects.toMatchObject({ code: 'limit.queue_full' })
    expect(seen).toHaveLength(1)
  })

  test('what would fail again is not sent again', async () => {
    const { seen, client } = gateway(() =>
      Response.json({ code: 'query.timeout', retryable: true, detail: 'Slow.', title: 'Slow' }, { status: 504 }),
    )
    await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: 'query.timeout', status: 504 })
    expect(seen).toHaveLength(1)
  })

  test('Retry-After is waited for, and one that is longer than the time left ends the call at once', async () => {
    const later = () => new Response('', { status: 429, headers: { 'retry-after': '1' } })
    const patient = gateway(later, () => Response.json({ data: [], next_cursor: null }))
    const began = performance.now()
    await patient.client.streams.list()
    expect(performance.now() - began).toBeGreaterThanOrEqual(950)
    const hasty = gateway(later)
    await expect(hasty.client.streams.list({ timeoutMs: 200 })).rejects.toMatchObject({
      status: 429,
      retryAfterMs: 1000,
    })
    expect(hasty.seen).toHaveLength(1)
  })
})

describe('failures', () => {
  test('have the fields of the problem', async () => {
    const problem = {
      type: 'http://edge.test/problems/query.unknown_column',
      title: 'No such column',
      status: 400,
      detail: 'There is no column `x`.',
      code: 'query.unknown_column',
      hint: 'See the columns.',
      retryable: false,
      request_id: 'r9',
      errors: [{ line: 1, column: 8, reason: 'no such column' }],
    }
    const { client } = gateway(
      () =>
        new Response(JSON.stringify(problem), { status: 400, headers: { 'content-type': 'application/problem+json' } }),
    )
    const error = await client.query('SELECT x').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(EdgewiseError)
    expect(error).toMatchObject({
      message: 'There is no column `x`.',
      code: 'query.unknown_column',
      status: 400,
      hint: 'See the columns.',
      requestId: 'r9',
      errors: [{ line: 1, column: 8 }],
    })
  })

  test('a call ends when its time is over, and when its signal is aborted', async () => {
    const never = () => new Promise<Response>(() => undefined)
    await expect(gateway(never).client.call('top', {}, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'client.timeout',
    })
    const leaving = new AbortController()
    setTimeout(() => leaving.abort(new Error('left')), 20)
    await expect(gateway(never).client.call('top', {}, { signal: leaving.signal })).rejects.toThrow('left')
  })

  test('rows that break off are an error, never fewer rows', async () => {
    const broken = () =>
      new Response(
        new ReadableStream({
          start(stream) {
            stream.enqueue(new TextEncoder().encode('{"a":1}\n{"a":'))
            setTimeout(() => stream.error(new TypeError('terminated')), 5)
          },
        }),
      )
    const rows: unknown[] = []
    const reading = (async () => {
      for await (const row of gateway(broken).client.query('SELECT a', {}, { format: 'ndjson' })) rows.push(row)
    })()
    await expect(reading).rejects.toMatchObject({ code: 'client.answer' })
    expect(rows).toEqual([{ a: 1 }])
  })
})

describe('requests', () => {
  test('rows go in bounded batches, each under a key of its own, and the answer is their sum', async () => {
    const { seen, client } = gateway(written)
    const answer = await client.ingest(
      'orders',
      Array.from({ length: 5 }, (_, at) => ({ at })),
      { batchRows: 2, idempotencyKey: 'k', wait: true },
    )
    expect(answer).toMatchObject({ accepted: 3, offsets: [{ partition: 0, offset: 7 }] })
    expect(seen.map(({ body }) => body)).toEqual(['{"at":0}\n{"at":1}\n', '{"at":2}\n{"at":3}\n', '{"at":4}\n'])
    expect(seen.map(({ headers }) => headers.get('idempotency-key'))).toEqual(['k', 'k-1', 'k-2'])
    expect(seen[0]?.url.href).toBe('http://edge.test/v1/events/orders?wait=true')
    expect(seen[0]?.headers.get('authorization')).toBe('Bearer ew_key')
  })

  test('a bigint keeps all its digits', async () => {
    const { seen, client } = gateway(written)
    await client.ingest('orders', [{ id: 9_007_199_254_740_993n }])
    expect(seen[0]?.body).toBe('{"id":9007199254740993}\n')
  })

  test('a call carries its parameters in the URL, arrays repeated, and says where the answer comes from', async () => {
    const { seen, client } = gateway(() =>
      Response.json(
        { meta: [], data: [{ n: 1 }], rows: 1 },
        { headers: { 'edgewise-query-version': '3', 'cache-status': 'Edgewise; hit' } },
      ),
    )
    const { data, provenance } = await client.call(
      'top',
      { prefix: '/a b', status: [200, 404], none: null },
      { version: 3 },
    )
    expect(data).toEqual([{ n: 1 }])
    expect(provenance).toMatchObject({ queryVersion: 3, cacheStatus: 'Edgewise; hit' })
    expect(seen[0]?.url.pathname).toBe('/v1/endpoints/top.json')
    expect([...(seen[0]?.url.searchParams ?? [])]).toEqual([
      ['prefix', '/a b'],
      ['status', '200'],
      ['status', '404'],
      ['version', '3'],
    ])
  })
})

test('the client needs nothing that a browser lacks', async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: ['mesh/client/index.ts'],
    bundle: true,
    platform: 'browser',
    format: 'esm',
    write: false,
    metafile: true,
  })
  expect(Object.keys(metafile.inputs).every((input) => input.startsWith('mesh/client/'))).toBe(true)
  expect(outputFiles[0]?.text).not.toMatch(/\bprocess\.|\bBuffer\b|node:/)
})
