import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { edgewise, launch, type RunningGateway, startGateway } from '../command-line.ts'

const folder = mkdtempSync(join(tmpdir(), 'edgewise-start-'))
const data = join(folder, 'data')
const row = '{"time":"2026-01-01T00:00:00Z","path":"/a","status":200}\n'
let gateway: RunningGateway

beforeAll(async () => {
  gateway = await startGateway(data)
}, 90_000)

afterAll(async () => {
  if (gateway.process.exitCode === null && gateway.process.signalCode === null) {
    gateway.process.kill('SIGTERM')
    await once(gateway.process, 'exit')
  }
  rmSync(folder, { recursive: true, force: true })
}, 60_000)

describe('a gateway that runs', () => {
  test('has told its key once, and another shell just works with it', async () => {
    expect(gateway.adminKey).toMatch(/^ew_/)
    expect(statSync(join(data, 'credentials.json')).mode & 0o777).toBe(0o600)
    const { code, out } = await edgewise(data, ['sql', 'SELECT 1 AS one', '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ data: [{ one: 1 }] })
  })

  test('takes a file once, however often it is loaded, and says what it refused', async () => {
    const file = join(folder, 'requests.ndjson')
    writeFileSync(file, row.repeat(7) + row.replace('200', '404'))
    const first = await edgewise(data, ['load', 'requests', file, '--json'])
    expect(JSON.parse(first.out)).toMatchObject({ files: [{ accepted: 8, repeated: 0 }] })
    const second = await edgewise(data, ['load', 'requests', file, '--json'])
    expect(JSON.parse(second.out)).toMatchObject({ files: [{ accepted: 0, repeated: 8 }] })
    expect((await edgewise(data, ['sql', 'SELECT count() AS n FROM requests', '--format', 'csv'])).out).toBe('"n"\n8\n')

    writeFileSync(file, row.replace('200', '"many"'))
    const bad = await edgewise(data, ['load', 'requests', file])
    expect(bad).toMatchObject({ code: 5, out: expect.stringContaining('row 1, status') as string })
  })

  test('answers integers with all their digits, in every format', async () => {
    const big = '9007199254740993'
    const file = join(folder, 'big.ndjson')
    writeFileSync(file, `{"id":${big}}\n`)
    expect((await edgewise(data, ['load', 'big', file])).code).toBe(0)
    for (const format of ['table', 'json', 'ndjson', 'csv']) {
      expect((await edgewise(data, ['sql', 'SELECT id FROM big', '--format', format])).out).toContain(big)
    }
  })

  test('shows the newest rows of a stream', async () => {
    const { code, out } = await edgewise(data, ['tail', 'requests', '-n', '3', '--no-follow'])
    expect(code).toBe(0)
    expect(out.trim().split('\n')).toHaveLength(3)
  })

  test('publishes files, and finds the mistakes in them by their line', async () => {
    const file = join(folder, 'hits.sql')
    const header = '-- description: Hits\n-- cache: ttl 60s\n'
    writeFileSync(file, `${header}SELECT count() AS hits\nFROM requests WHERE pth = {path:String}`)
    expect(await edgewise(data, ['publish', file])).toMatchObject({
      code: 1,
      err: expect.stringContaining(`${file}:4:`) as string,
    })
    writeFileSync(file, `${header}SELECT count() AS hits FROM requests WHERE path = {path:String}`)
    expect((await edgewise(data, ['publish', file, '--dry-run'])).out).toContain('new, hits would be version 1')
    expect((await edgewise(data, ['publish', file])).out).toContain('new, hits is version 1')
    expect((await edgewise(data, ['publish', file])).out).toContain('unchanged')
    expect((await edgewise(data, ['call', 'hits', '--param', 'path=/a', '--format', 'csv'])).out).toBe('"hits"\n8\n')
  })

  test('under --watch, an endpoint is what its file says within a second of the save', async () => {
    const file = join(folder, 'watched.sql')
    writeFileSync(file, 'SELECT 1 AS version')
    const watcher = launch(data, ['publish', file, '--watch', '--json'])
    const line = async () => JSON.parse(String((await once(watcher.stdout!, 'data'))[0])) as { version: number }
    expect(await line()).toMatchObject({ version: 1 })
    await sleep(200)
    const next = line()
    const saved = performance.now()
    writeFileSync(file, 'SELECT 2 AS version')
    expect(await next).toMatchObject({ version: 2, status: 'changed' })
    expect(performance.now() - saved).toBeLessThan(1_000)
    watcher.kill('SIGINT')
    await once(watcher, 'exit')
  })

  test('keeps its data directory and its port to itself, and says so', async () => {
    expect(await edgewise(data, ['start', '--port', '0'])).toMatchObject({
      code: 75,
      err: expect.stringContaining(gateway.url) as string,
    })
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const busy = await edgewise(join(folder, 'other'), ['start', '--port', String(port)])
    server.close()
    expect(busy).toMatchObject({ code: 69, err: expect.stringContaining(`by process ${process.pid}`) as string })
  })

  test('exit codes tell what kind of trouble it is', async () => {
    expect((await edgewise(data, ['sql', 'SELECT nope FROM requests'])).code).toBe(1)
    expect((await edgewise(data, ['sql', '--nope'])).code).toBe(2)
    expect((await edgewise(data, ['sql', 'SELECT 1', '--key', 'ew_x', '--url', 'http://127.0.0.1:1'])).code).toBe(3)
    expect((await edgewise(data, ['sql', 'SELECT 1', '--key', 'ew_wrong'])).code).toBe(4)
    // The key of this gateway is for this gateway: another URL does not get it.
    expect((await edgewise(data, ['sql', 'SELECT 1', '--url', 'http://127.0.0.1:1'])).code).toBe(4)
  })

  test('is asked anything of its API, with the credentials that are there', async () => {
    const role = ['api', 'put', '/v1/roles/reader', '-', '--header', 'X-Request-Id: mine']
    const put = await edgewise(data, role, '{"scopes": ["sql:read"]}')
    expect([put.code, JSON.parse(put.out)]).toMatchObject([0, { name: 'reader', scopes: ['sql:read'] }])
    expect(await edgewise(data, ['api', 'DELETE', 'v1/roles/reader'])).toMatchObject({ code: 0, out: '' })
    expect(await edgewise(data, ['api', 'GET', '/v1/nothing'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('request.route') as string,
    })
    expect(await edgewise(data, ['api', 'FETCH', '/v1/roles'])).toMatchObject({ code: 2 })
    expect(await edgewise(data, ['api', 'GET', '/v1/roles', '--key', 'ew_x'])).toMatchObject({ code: 4 })
  })

  test('gives its administrator another key, on the machine itself', async () => {
    const { out } = await edgewise(data, ['keys', 'recover'])
    expect(out).toMatch(/^ew_\w+\n$/)
    expect((await edgewise(data, ['keys', 'list'])).code).toBe(0)
  })

  test('starts its core again when that is killed', async () => {
    const before = Number(readFileSync(join(data, 'pid'), 'utf8'))
    process.kill(before, 'SIGKILL')
    const answers = async () =>
      (await edgewise(data, ['sql', 'SELECT count() AS n FROM requests', '--format', 'csv'])).out
    await expect.poll(answers, { timeout: 20_000, interval: 300 }).toBe('"n"\n8\n')
    expect(Number(readFileSync(join(data, 'pid'), 'utf8'))).not.toBe(before)
  }, 40_000)

  test('leaves nobody behind when it is killed', async () => {
    const inside = () => processesOf(data)
    expect(inside().length).toBeGreaterThanOrEqual(3)
    process.kill((JSON.parse(readFileSync(join(data, 'running.json'), 'utf8')) as { pid: number }).pid, 'SIGKILL')
    await expect.poll(inside, { timeout: 15_000, interval: 100 }).toEqual([])
  }, 30_000)

  test('starts again after that, with the same rows and without a new key, and stops in order', async () => {
    const again = await startGateway(data)
    expect(again.adminKey).toBeUndefined()
    expect((await edgewise(data, ['sql', 'SELECT count() AS n FROM requests', '--format', 'csv'])).out).toBe('"n"\n8\n')
    again.process.kill('SIGINT')
    await once(again.process, 'exit')
    expect(again.process.exitCode).toBe(0)
    expect(processesOf(data)).toEqual([])
    expect(existsSync(join(data, 'running.json'))).toBe(false)
  }, 60_000)
})

/** Who has something of the data directory open. */
function processesOf(directory: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(directory))
    } catch {
      return false
    }
  })
}
