import { once } from 'node:events'
import { createServer, type IncomingMessage, request as requestHttp, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Product, startProduct } from '../support/product.ts'
import { ask, kept, must, newKey } from './ask.ts'

/** A user's own service. */
let service: Server
let serviceUrl: string
let product: Product
/** What it was asked. */
const asked: { method: string; url: string; headers: IncomingMessage['headers'] }[] = []
let answer: (request: IncomingMessage, response: ServerResponse) => void

const echo = (request: IncomingMessage, response: ServerResponse): void => {
  response.writeHead(200, { 'content-type': 'application/octet-stream' })
  request.pipe(response)
}

beforeAll(async () => {
  service = createServer((request, response) => {
    asked.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers })
    answer(request, response)
  })
  // The least of a WebSocket server (RFC 6455): it says one text, and sends back the frames that come, unmasked.
  service.on('upgrade', (request, socket): void => {
    asked.push({ method: 'UPGRADE', url: request.url ?? '', headers: request.headers })
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
    const accept = createHash('sha1').update(key).digest('base64')
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`)
    socket.write(`Sec-WebSocket-Accept: ${accept}\r\n\r\n`)
    socket.write(Buffer.from([0x81, 5, ...Buffer.from('hello')]))
    socket.on('data', (frame: Buffer) => {
      const length = (frame[1] ?? 0) & 0x7f
      const mask = frame.subarray(2, 6)
      const payload = frame.subarray(6, 6 + length).map((byte, i) => byte ^ (mask[i % 4] ?? 0))
      if (((frame[0] ?? 0) & 0x0f) === 8) socket.end()
      else socket.write(Buffer.from([0x81, length, ...payload]))
    })
    socket.on('error', () => undefined)
  })
  service.listen(0, '127.0.0.1')
  await once(service, 'listening')
  serviceUrl = `http://127.0.0.1:${(service.address() as AddressInfo).port}`
  product = await startProduct({ env: { UPSTREAM_ALLOW: `${serviceUrl.slice(7)}, .example.com` } })
  const set_headers = { Authorization: 'Bearer of-the-service' }
  await must(product, '/v1/routes/shop', {
    method: 'PUT',
    json: { path: '/shop', upstream: `${serviceUrl}/api`, timeout_ms: 500, retries: 0, set_headers },
  })
  await must(product, '/v1/routes/kept', {
    method: 'PUT',
    json: { path: '/kept', upstream: serviceUrl, cache: { ttl_s: 60 } },
  })
})
afterAll(async () => {
  await product?.stop()
  service?.closeAllConnections()
  service?.close()
})
beforeEach(() => {
  asked.length = 0
  answer = (_, response) =>
    void response.writeHead(200, { 'content-type': 'application/json', 'set-cookie': 'a=b' }).end('{"ok":1}')
})

describe('a service behind a route', () => {
  test('is asked for whoever has a key, and never sees the key', async () => {
    const { key } = await newKey(product, { scopes: ['routes:call', 'app:read'], subject: 'customer-7' })
    for (const _ of [1, 2]) {
      const headers = { cookie: '__Host-edgewise=x', 'x-forwarded-for': '10.9.9.9', 'x-mine': '1' }
      const { status, json, headers: given } = await ask(product, '/r/main/shop/items?a=1', { key, headers })
      expect([status, json]).toEqual([200, { ok: 1 }])
      expect(given.get('set-cookie')).toBeNull()
    }
    for (const { url, headers } of asked) {
      expect(url).toBe('/api/items?a=1')
      expect(headers).toMatchObject({
        authorization: 'Bearer of-the-service',
        'edgewise-subject': 'customer-7',
        'edgewise-scopes': 'app:read',
        'x-forwarded-for': '127.0.0.1',
        'x-mine': '1',
      })
      expect(JSON.stringify(headers)).not.toContain(key)
      expect(headers.cookie).toBeUndefined()
    }
    expect((await ask(product, '/r/main/shop/items', { key: null })).status).toBe(401)
    const made = await must<{ key: { key: string } }>(product, '/v1/workspaces', { json: { name: 'stranger' } })
    expect((await ask(product, '/r/main/shop/items', { key: made.json.key.key })).status).toBe(404)
    expect(asked).toHaveLength(2)
  })

  test('is closed to a revoked key within five seconds, while it is in use', async () => {
    const { id, key } = await newKey(product, { scopes: ['routes:call:shop'] })
    expect((await ask(product, '/r/main/shop', { key })).status).toBe(200)
    await must(product, `/v1/keys/${id}`, { method: 'DELETE' })
    await expect
      .poll(async () => (await ask(product, '/r/main/shop', { key })).status, { timeout: 5_000, interval: 100 })
      .toBe(401)
  })

  test('is changed for all within five seconds', async () => {
    await must(product, '/v1/routes/moving', {
      method: 'PUT',
      json: { path: '/moving', upstream: `${serviceUrl}/one` },
    })
    await expect.poll(async () => (await ask(product, '/r/main/moving')).status, { timeout: 5_000 }).toBe(200)
    await must(product, '/v1/routes/moving', {
      method: 'PUT',
      json: { path: '/moving', upstream: `${serviceUrl}/two` },
    })
    await expect
      .poll(
        async () => {
          await ask(product, '/r/main/moving')
          return asked.at(-1)?.url
        },
        { timeout: 5_000, interval: 100 },
      )
      .toBe('/two')
    await must(product, '/v1/routes/moving', { method: 'DELETE' })
    await expect.poll(async () => (await ask(product, '/r/main/moving')).status, { timeout: 5_000 }).toBe(404)
  })

  test('streams both ways, before either has ended', async () => {
    answer = echo
    const request = requestHttp(`${product.url}/r/main/shop/stream`, {
      method: 'POST',
      headers: { authorization: `Bearer ${product.key}`, 'transfer-encoding': 'chunked' },
    })
    request.write('one')
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const [first] = (await once(response, 'data')) as [Buffer]
    request.write('two')
    const [second] = (await once(response, 'data')) as [Buffer]
    request.end()
    expect([first.toString(), second.toString()]).toEqual(['one', 'two'])
    await once(response.resume(), 'end')
  })

  test('gets large bodies whole, with their length, and none that is too large', async () => {
    answer = echo
    const body = 'x'.repeat(5 << 20)
    const { text } = await ask(product, '/r/main/shop', { body })
    expect(text.length).toBe(body.length)
    expect(asked[0]?.headers['content-length']).toBe(String(body.length))
    const request = requestHttp(`${product.url}/r/main/shop`, {
      method: 'POST',
      headers: { authorization: `Bearer ${product.key}`, 'content-length': (100 << 20) + 1 },
    })
    request.on('error', () => undefined)
    request.flushHeaders()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    expect(response.statusCode).toBe(413)
    request.destroy()
    expect(asked).toHaveLength(1)
  })

  test('gets no body where it has no meaning, and nothing that would echo its secrets', async () => {
    for (const _ of [1, 2]) {
      const request = requestHttp(`${product.url}/r/main/shop/get`, {
        method: 'GET',
        headers: { authorization: `Bearer ${product.key}`, 'content-length': 4 },
      })
      request.end('body')
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      expect(response.statusCode).toBe(200)
      await once(response.resume(), 'end')
    }
    expect(asked.map(({ headers }) => headers['content-length'])).toEqual([undefined, undefined])
    const trace = requestHttp(`${product.url}/r/main/shop`, {
      method: 'TRACE',
      headers: { authorization: `Bearer ${product.key}` },
    }).end()
    const [traced] = (await once(trace, 'response')) as [IncomingMessage]
    expect(traced.statusCode).toBe(405)
    expect(asked).toHaveLength(2)
  })

  test('speaks over WebSockets', async () => {
    const socket = new WebSocket(`${product.url.replace('http', 'ws')}/r/main/shop/live`, {
      headers: { authorization: `Bearer ${product.key}` },
    })
    const said: string[] = []
    socket.addEventListener('message', ({ data }) => void said.push(String(data)))
    await once(socket, 'open')
    socket.send('are you there?')
    await expect.poll(() => said).toEqual(['hello', 'are you there?'])
    socket.close()
    expect(asked[0]).toMatchObject({ method: 'UPGRADE', url: '/api/live' })
    expect(asked[0]?.headers.authorization).toBe('Bearer of-the-service')
    const denied = new WebSocket(`${product.url.replace('http', 'ws')}/r/main/shop/live`)
    await once(denied, 'error')
    expect(asked).toHaveLength(1)
  })

  test('that takes too long, breaks off, or is not there is said to, and does not hold up others', async () => {
    answer = () => undefined
    const { status, json } = await ask(product, '/r/main/shop/slow')
    expect([status, json['code']]).toEqual([504, 'upstream.timeout'])
    answer = (request) => request.socket.destroy()
    expect((await ask(product, '/r/main/shop/broken')).json).toMatchObject({ code: 'upstream.failed' })
    await must(product, '/v1/routes/gone', {
      method: 'PUT',
      json: { path: '/gone', upstream: serviceUrl, retries: 0 },
    })
    answer = (request) => request.socket.destroy()
    const codes = []
    for (let i = 0; i < 8; i++) codes.push((await ask(product, '/r/main/gone')).json['code'])
    expect(codes).toContain('upstream.unavailable')
    answer = (_, response) => void response.end('back')
    await expect.poll(async () => (await ask(product, '/r/main/gone')).text, { timeout: 5_000 }).toBe('back')
  })

  test('answers as it is: redirects, encodings, empty ones, HEAD', async () => {
    const zipped = gzipSync('z'.repeat(5_000))
    answer = ({ url }, response) => {
      const encoded = { 'content-encoding': 'gzip', 'content-length': zipped.length, 'content-type': 'text/plain' }
      if (url === '/api/away') response.writeHead(302, { location: 'http://169.254.169.254/' }).end()
      else if (url === '/api/none') response.writeHead(204).end()
      else response.writeHead(200, encoded).end(zipped)
    }
    const follow = await fetch(`${product.url}/r/main/shop/away`, {
      redirect: 'manual',
      headers: { authorization: `Bearer ${product.key}` },
    })
    expect([follow.status, follow.headers.get('location')]).toEqual([302, 'http://169.254.169.254/'])
    expect((await ask(product, '/r/main/shop/none')).status).toBe(204)
    const { text, headers } = await ask(product, '/r/main/shop/zip')
    expect(text).toBe('z'.repeat(5_000))
    expect(headers.get('content-encoding')).toBe('gzip')
    const head = await ask(product, '/r/main/shop/zip', { method: 'HEAD' })
    expect([head.status, head.text]).toEqual([200, ''])
    const stored = await ask(product, '/r/main/kept/zip')
    expect(stored.headers.get('cache-status')).toContain('stored')
    const again = await kept(product, '/r/main/kept/zip')
    expect(again.headers.get('cache-status')).toContain('hit')
    for (const { text } of [stored, again]) expect(text).toBe('z'.repeat(5_000))
  })

  test('may only be where the operator allows it', async () => {
    const put = (upstream: string) =>
      ask(product, '/v1/routes/evil', { method: 'PUT', json: { path: '/evil', upstream } })
    const refused = ['http://169.254.169.254/', 'http://127.0.0.1:1/', 'https://evil.test/', product.core.http]
    for (const upstream of refused) expect(await put(upstream)).toMatchObject({ status: 400 })
    // A name that is allowed by its suffix and leads to this machine: nothing private is reached by it.
    expect((await put('https://localtest.example.com')).status).toBe(200)
    const { json } = await ask(product, '/r/main/evil')
    expect(json).toMatchObject({ code: 'upstream.failed' })
  })
})

describe('a limit by name', () => {
  test('is counted for each subject, for services of one’s own', async () => {
    await must(product, '/v1/limits/sends', { method: 'PUT', json: { requests: 5, window_s: 3_600 } })
    const { key } = await newKey(product, { scopes: ['limits:use:sends'] })
    const use = (subject: string, cost?: number) =>
      ask(product, '/v1/limits/sends', { key, json: { subject, ...(cost !== undefined && { cost }) } })
    expect((await use('a', 4)).json).toMatchObject({ allowed: true, limit: 5, remaining: 1 })
    expect((await use('a', 2)).json).toMatchObject({ allowed: false, remaining: 1 })
    expect((await use('a')).json).toMatchObject({ allowed: true, remaining: 0 })
    const refused = await use('a')
    expect(refused).toMatchObject({ status: 200, json: { allowed: false } })
    expect(refused.json['retry_after_s']).toBeGreaterThan(0)
    expect((await use('b')).json).toMatchObject({ allowed: true, remaining: 4 })
    expect((await ask(product, '/v1/limits/other', { key, json: { subject: 'a' } })).status).toBe(403)
    expect((await ask(product, '/v1/limits/nothing', { json: { subject: 'a' } })).status).toBe(404)
    expect((await ask(product, '/v1/limits/sends', { json: {} })).json).toMatchObject({
      errors: [{ pointer: '/subject' }],
    })
  })
})
