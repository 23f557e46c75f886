import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { required } from '../support/optional.ts'
import { processTree } from '../support/processes.ts'
import { type Product, startProduct } from '../support/product.ts'
import { type Conversation, open, speak, type Spoken } from '../support/socket.ts'
import { ask, must, newKey, rows } from './ask.ts'

let product: Product
let host: string

beforeAll(async () => {
  product = await startProduct()
  host = new URL(product.url).host
  await must(product, '/v1/events/orders?wait=true', { json: { n: 1 } })
  const sql = `SELECT {a:String} AS a, {b:String} AS b`
  await publish('pair', { sql, params: { b: { default: '' } }, cache: { ttl_s: 60 } })
  await publish('other', { sql: 'SELECT 2 AS n' })
})
afterAll(() => product?.stop())

const publish = (name: string, json: object) => must(product, `/v1/queries/${name}`, { method: 'PUT', json })

const crlf = (...lines: readonly string[]) => lines.join('\r\n')
/** A question with these header lines and this body, as bytes. */
function posted(lines: readonly string[], body = 'SELECT 1'): string {
  const fixed = [`Host: ${host}`, `Authorization: Bearer ${product.key}`, 'Content-Type: text/plain']
  return crlf('POST /v1/sql HTTP/1.1', ...fixed, ...lines, '', body)
}
function got(path: string, lines: readonly string[] = [], method = 'GET'): string {
  return crlf(`${method} ${path} HTTP/1.1`, `Host: ${host}`, ...lines, '', '')
}
const tell = (bytes: string, spoken?: Spoken): Promise<Conversation> => speak(product.url, bytes, spoken)
const withKey = () => `Authorization: Bearer ${product.key}`

async function stillAnswers(): Promise<void> {
  const began = Date.now()
  expect(await rows(product, 'SELECT count() AS n FROM orders')).toEqual([{ n: 1 }])
  expect(Date.now() - began).toBeLessThan(3_000)
}

describe('a message whose end could be read in two ways', () => {
  const chunked = '8\r\nSELECT 1\r\n0\r\n\r\n'

  test.each<[string, readonly string[], string]>([
    ['two lengths', ['Content-Length: 8', 'Content-Length: 4'], 'SELECT 1'],
    ['a list of lengths', ['Content-Length: 8, 8'], 'SELECT 1'],
    ['a signed length', ['Content-Length: +8'], 'SELECT 1'],
    ['a negative length', ['Content-Length: -8'], 'SELECT 1'],
    ['a hexadecimal length', ['Content-Length: 0x8'], 'SELECT 1'],
    ['a length beyond 64 bits', ['Content-Length: 99999999999999999999999'], 'SELECT 1'],
    ['a blank before the colon', ['Content-Length : 8'], 'SELECT 1'],
    ['a blank before the other colon', ['Transfer-Encoding : chunked'], chunked],
    ['an unknown coding', ['Transfer-Encoding: xchunked'], chunked],
    ['chunked not last', ['Transfer-Encoding: chunked, identity'], chunked],
    ['a coding under chunked', ['Transfer-Encoding: gzip, chunked'], chunked],
    ['identity under chunked', ['Transfer-Encoding: identity, chunked'], chunked],
    ['two codings', ['Transfer-Encoding: chunked', 'Transfer-Encoding: x'], chunked],
    ['a vertical tab in a coding', ['Transfer-Encoding: \x0bchunked'], chunked],
    ['a folded line', ['X-A: b', ' c', 'Content-Length: 8'], 'SELECT 1'],
    ['a folded coding', ['Transfer-Encoding:', ' chunked'], chunked],
    ['a bare CR', ['X-A: b\rContent-Length: 100', 'Content-Length: 8'], 'SELECT 1'],
    ['NUL in a value', ['X-A: b\0c', 'Content-Length: 8'], 'SELECT 1'],
    ['NUL in a name', ['X\0A: b', 'Content-Length: 8'], 'SELECT 1'],
    ['a chunk of no size', ['Transfer-Encoding: chunked'], 'zz\r\nSELECT 1\r\n0\r\n\r\n'],
    ['a chunk of negative size', ['Transfer-Encoding: chunked'], '-8\r\nSELECT 1\r\n0\r\n\r\n'],
    ['a chunk of 0x size', ['Transfer-Encoding: chunked'], '0x8\r\nSELECT 1\r\n0\r\n\r\n'],
    ['a chunk beyond 64 bits', ['Transfer-Encoding: chunked'], 'ffffffffffffffffff\r\nSELECT 1\r\n0\r\n\r\n'],
    ['a chunk longer than it says', ['Transfer-Encoding: chunked'], '4\r\nSELECT 1\r\n0\r\n\r\n'],
    ['chunks ended by LF', ['Transfer-Encoding: chunked'], '8\nSELECT 1\n0\n\n'],
  ])('is refused: %s', async (_, lines, body) => {
    const { statuses, text } = await tell(posted(lines, body), { answers: 1 })
    expect(statuses, text).toHaveLength(1)
    expect(statuses[0]).toBeGreaterThanOrEqual(400)
    expect(statuses[0]).toBeLessThan(500)
  })

  test.each<[string, readonly string[]]>([
    ['length, then chunks', ['Content-Length: 8', 'Transfer-Encoding: chunked']],
    ['chunks, then length', ['Transfer-Encoding: chunked', 'Content-Length: 8']],
  ])('by a length and by chunks is one message, and the last of its connection: %s', async (_, lines) => {
    const hidden = crlf(
      'POST /v1/events/smuggled HTTP/1.1',
      `Host: ${host}`,
      withKey(),
      'Content-Type: application/json',
      'Content-Length: 7',
      '',
      '{"a":1}',
    )
    const { statuses, closed } = await tell(posted(lines, chunked + hidden), { withinMs: 5_000 })
    expect([statuses.length, closed]).toEqual([1, true])
    expect((await ask(product, '/v1/streams/smuggled')).status).toBe(404)
  })
})

describe('a message that is none', () => {
  test.each([
    ['HTTP/0.9', 'GET /health/live\r\n\r\n'],
    ['HTTP/9.9', 'GET /health/live HTTP/9.9\r\nHost: a\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaaaaaaa\r\n\r\n'],
    ['a header line of a megabyte', `GET /health/live HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(1 << 20)}\r\n\r\n`],
    ['a path of a megabyte', `GET /${'y'.repeat(1 << 20)} HTTP/1.1\r\nHost: a\r\n\r\n`],
    ['an unknown method', 'FOO /health/live HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['CONNECT', 'CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\n\r\n'],
  ])('is refused and its connection closed: %s', async (_, bytes) => {
    const { statuses, closed, text } = await tell(bytes)
    expect(closed, text).toBe(true)
    for (const status of statuses) expect(status).toBeGreaterThanOrEqual(400)
    await stillAnswers()
  })

  test.each(['', 'a/b', 'a@b', 'a b', 'a?b', 'a#b', '[::1', 'a:b', 'a\\b', `evil/v1/streams?x=`])(
    'for the host %j is refused',
    async (name) => {
      const { statuses } = await tell(`GET /docs HTTP/1.1\r\nHost: ${name}\r\n\r\n`, { answers: 1 })
      expect(statuses).toEqual([400])
    },
  )
  test('for two hosts is refused', async () => {
    expect((await tell(got('/docs', ['Host: evil']), { answers: 1 })).statuses).toEqual([400])
  })
  test.each(['localhost', 'api.example.com:8443', '[::1]:8787', '10.0.0.1'])('for %s is answered', async (name) => {
    const { statuses } = await tell(`GET /health/live HTTP/1.1\r\nHost: ${name}\r\n\r\n`, { answers: 1 })
    expect(statuses).toEqual([200])
  })
})

describe('what is odd and allowed', () => {
  test('requests in a row are answered in their order', async () => {
    const three = got('/health/live') + got('/nothing') + posted(['Content-Length: 8']) + got('/docs')
    expect((await tell(three, { answers: 4, withinMs: 10_000 })).statuses).toEqual([200, 404, 200, 200])
  })
  test('HTTP/1.0 is answered in kind', async () => {
    const { text } = await tell(`GET /health/live HTTP/1.0\r\nHost: ${host}\r\n\r\n`)
    expect(text).toMatch(/^HTTP\/1\.0 200 /)
  })
  test.each(['bytes=99-1', 'bytes=0-0', `bytes=${'0-0,'.repeat(2_000)}0-0`, 'lines=1'])(
    'Range %.20s is left out of account',
    async (range) => {
      const { status, text } = await ask(product, '/openapi.json', { headers: { range } })
      expect([status, text.startsWith('{') && text.endsWith('}')]).toEqual([200, true])
    },
  )
  test('ten thousand headers are within bounds, or refused', async () => {
    const lines = Array.from({ length: 10_000 }, (_, n) => `X-${n}: y`)
    expect([200, 431]).toContain((await tell(got('/health/live', lines), { answers: 1 })).statuses[0])
    await stillAnswers()
  })
})

describe('a path', () => {
  const tricks = [
    '/v1/../v1/streams',
    '/v1/%2e%2e/v1/streams',
    '//v1/streams',
    '/v1//streams',
    '/v1/./streams',
    '/v1/streams/',
    '/v1/streams;x=1',
    '/V1/streams',
    '/v1/Streams',
    '/v1\\streams',
    '/v1/streams%2forders',
    '/v1/streams%00',
    '/docs/../v1/streams',
    '/health/live/..%2f..%2fmetrics',
    '/v1/streams/..%2f..%2fkeys',
    '/v1/endpoints/..%2fsql',
    '/v1/endpoints/pair%2f..%2fother',
    '/v1/endpoints/pair.csv%2f..%2fother',
    '/v1/endpoints/pair%00',
    '/v1/endpoints/Pair',
    '/v1/endpoints/other.__proto__',
    '/v1/endpoints/%6fther%2f',
    '/problems/__proto__',
    '/problems/constructor',
  ]
  test.each(tricks)('%s leads nowhere', async (path) => {
    const [known, stranger] = [
      await tell(got(path, [withKey()]), { answers: 1 }),
      await tell(got(path), { answers: 1 }),
    ]
    expect([400, 404, 406]).toContain(known.statuses[0])
    expect([400, 401, 404, 406]).toContain(stranger.statuses[0])
  })

  test('spelled in another way is the same path, with the same locks', async () => {
    const { key } = await newKey(product, { scopes: ['endpoints:read:pair'] })
    for (const path of ['/v1/endpoints/other', '/v1/endpoints/%6fther', '/%76%31/endpoints/%6f%74her.csv']) {
      const credential = `Authorization: Bearer ${key}`
      expect((await tell(got(path), { answers: 1 })).statuses).toEqual([401])
      expect((await tell(got(path, [credential]), { answers: 1 })).statuses).toEqual([403])
    }
  })
})

describe('what is given back', () => {
  test.each([
    ['X-Request-Id', 'a%0d%0aX-Evil: 1'],
    ['X-Request-Id', '\xff\xfe'],
    ['X-Request-Id', 'a'.repeat(65)],
    ['X-Request-Id', '<script>'],
    ['Origin', 'https://e%0d%0aX-Evil: 1'],
    ['Origin', 'null'],
    ['If-None-Match', `${'"a",'.repeat(2_000)}"b`],
    ['Accept', `text/html,${'a/b;q=0.1,'.repeat(2_000)}*/*`],
    ['traceparent', '00-%0d%0a-x-01'],
  ])('never holds what was sent as %s: %.20s', async (name, value) => {
    const path = '/v1/endpoints/pair?a=x'
    const { text, statuses } = await tell(got(path, [withKey(), `${name}: ${value}`]), { answers: 1 })
    expect(statuses[0]).toBeLessThan(500)
    const head = text.slice(0, text.indexOf('\r\n\r\n'))
    expect(head).not.toMatch(/evil|script|%0d|\xff/i)
    expect(head).toMatch(/x-request-id: req_\w+/i)
  })

  test('is the answer to this question, whatever a value looks like', async () => {
    const pairs = [
      ['x', 'y'],
      ['x&b=y', ''],
      ['x","b":"y', ''],
      ['x"],["b","y', ''],
      ['x\n', 'y'],
      ['x', '\ny'],
      ['x\0', 'y'],
      ['x', ''],
      ['', 'x'],
      ['x,y', ''],
    ] as const
    let hits = 0
    for (let round = 0; round < 3; round++) {
      for (const [a, b] of pairs) {
        const search = new URLSearchParams({ a, ...(b !== '' && { b }) }).toString()
        const { json, headers } = await must(product, `/v1/endpoints/pair?${search}`)
        expect(json['data']).toEqual([{ a, b }])
        if (headers.get('cache-status')?.includes('hit') === true) hits++
      }
    }
    // Word that the query was published may come in between, and everything is forgotten.
    expect(hits).toBeGreaterThanOrEqual(pairs.length)
  })
})

describe('too much', () => {
  const poured = (path: string, bytes: number, type: string, length: boolean): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${product.key}`,
        'content-type': type,
        ...(length && { 'content-length': bytes }),
      }
      const sent = request(product.url + path, { method: 'POST', headers }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode))
      })
      sent.once('error', reject)
      const part = Buffer.alloc(1 << 16, 0x20)
      let left = bytes
      const pour = (): void => {
        while (left > 0) {
          const size = Math.min(left, part.length)
          left -= size
          if (!sent.write(part.subarray(0, size))) return void sent.once('drain', pour)
        }
        sent.end()
      }
      pour()
    })
  const doors = [
    ['/v1/sql', 'text/plain'],
    ['/v1/events/orders', 'application/json'],
    ['/v1/keys', 'application/json'],
    ['/v1/token', 'application/json'],
    ['/v1/endpoints/pair', 'application/json'],
  ] as const

  test.each(doors)('to %s is answered with 413, also to a client that writes on', async (path, type) => {
    for (const length of [true, false]) expect(await poured(path, 34 << 20, type, length)).toBe(413)
  })

  test.each(['/v1/sql', '/v1/endpoints/pair', '/v1/keys', '/v1/token', '/v1/quarantine/orders/replay'])(
    'nesting in JSON to %s is refused',
    async (path) => {
      for (const depth of [300, 30_000]) {
        const body = `{"params":${'['.repeat(depth)}${']'.repeat(depth)}}`
        expect((await ask(product, path, { body, type: 'application/json' })).status).toBe(400)
      }
    },
  )

  test('again and again takes no more memory, and others are answered meanwhile', { timeout: 180_000 }, async () => {
    const bomb = gzipSync(Buffer.alloc(required ? 1 << 30 : 300 << 20))
    const deep = `{"a":${'['.repeat(400_000)}${']'.repeat(400_000)}}`
    const headers = {
      authorization: `Bearer ${product.key}`,
      'content-type': 'application/json',
      'content-encoding': 'gzip',
    }
    const exploded = async () =>
      (await fetch(`${product.url}/v1/events/orders`, { method: 'POST', headers, body: bomb })).status
    const attack = async () => {
      const all = await Promise.all([
        ...doors.map(([path, type], at) => poured(path, (required ? 100 : 40) << 20, type, at % 2 === 0)),
        ...Array.from({ length: 4 }, exploded),
      ])
      expect(all).toEqual(all.map(() => 413))
      await ask(product, '/v1/sql', { body: deep, type: 'application/json' })
      await ask(product, '/v1/events/orders?dry_run=true', { body: deep, type: 'application/json' })
    }
    // What is needed to bear it is needed; it stays at that.
    for (let round = 0; round < (required ? 3 : 1); round++) await attack()
    const before = memory()
    if (process.platform === 'linux') expect([...before.keys()].sort()).toEqual(['core', 'edge'])
    const over = new AbortController()
    const attacks = (async () => {
      for (let round = 0; round < (required ? 10 : 1); round++) await attack()
    })().finally(() => over.abort())
    while (!over.signal.aborted) {
      await stillAnswers()
      await sleep(100)
    }
    await attacks
    const after = memory()
    for (const [name, bytes] of after) {
      expect([name, (bytes - (before.get(name) ?? 0)) >> 20]).toEqual([name, expect.toSatisfy((n: number) => n < 150)])
    }
  })
})

describe('too slowly', () => {
  const connections = 200

  test('are requests of hundreds of connections, and others are answered', async () => {
    const half = posted(['Content-Length: 8'], 'SEL')
    const slow = Array.from({ length: connections }, (_, at) => {
      const socket = open(product.url)
      socket.on('error', () => undefined)
      socket.write(at % 2 === 0 ? half : half.slice(0, 60))
      return socket
    })
    try {
      await sleep(500)
      for (let at = 0; at < 10; at++) await stillAnswers()
      expect(slow.every((socket) => !socket.destroyed)).toBe(true)
    } finally {
      for (const socket of slow) socket.destroy()
    }
    await stillAnswers()
  })

  test.runIf(required)('a request is let go', { timeout: 120_000 }, async () => {
    const spoken = { withinMs: 100_000 }
    const [head, body] = await Promise.all([
      tell(posted([]).slice(0, 60), spoken),
      tell(posted(['Content-Length: 8'], 'SEL'), spoken),
    ])
    expect([head.closed, body.closed]).toEqual([true, true])
    expect(body.statuses).toEqual([408])
  })
})

/** Of the edge and of the core, in bytes; empty where Linux does not tell. */
function memory(): Map<string, number> {
  const found = new Map<string, number>()
  for (const { pid, command } of processTree(product.pid)) {
    const name = command.some((word) => word.endsWith('workerd')) ? 'edge' : pid === product.corePid() ? 'core' : ''
    const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    if (name !== '') found.set(name, (found.get(name) ?? 0) + Number(kilobytes) * 1024)
  }
  return found
}
