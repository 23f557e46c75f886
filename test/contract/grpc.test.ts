import { execFile, spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningCore, startCore } from '../support/core.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { program } from '../support/optional.ts'
import type { Outcome, Step } from './reflecting-client.ts'

const script = fileURLToPath(new URL('./reflecting-client.ts', import.meta.url))
const grpcurl = program('grpcurl')
const directory = temporaryDirectory()
const writeEvents = 'edgewise.ingest.v1.IngestService/WriteEvents'
const runSql = 'edgewise.query.v1.QueryService/RunSql'
const codes = { ok: 0, cancelled: 1, deadlineExceeded: 4, unauthenticated: 16 }
let core: RunningCore
let key: string

/** Minutes of work, where nobody stops it. */
const endless = {
  sql: 'SELECT max(a.n * b.n + c.n) FROM numbers_of AS a, numbers_of AS b, numbers_of AS c WHERE a.n != b.n',
  format: 'FORMAT_NDJSON',
}
const counting = { sql: 'SELECT count() AS rows FROM numbers_of', format: 'FORMAT_NDJSON' }
/** As many as the core runs at once: were they not stopped, nobody else would be answered. */
const everyPlace = 4
const rows = 20_000

function batch(from: number, size: number, idempotencyKey: string) {
  const lines = Array.from({ length: size }, (_, at) => `{"time":"2026-10-11T10:00:00Z","n":${from + at}}`)
  const body = Buffer.from(lines.join('\n')).toString('base64')
  return { stream: 'numbers_of', body, contentType: 'application/x-ndjson', idempotencyKey, wait: true }
}

beforeAll(async () => {
  core = await startCore(directory.path)
  key = core.adminKey ?? ''
})
afterAll(async () => {
  await core?.stop()
  directory.remove()
})

function textOf(outcome: Outcome | undefined): string {
  const bodies = (outcome?.answers ?? []).map((answer) => (answer as { body?: string }).body ?? '')
  return bodies.map((body) => Buffer.from(body, 'base64').toString()).join('')
}

describe('a grpc-js client of another process that knows only the address', () => {
  async function take(...steps: readonly Step[]): Promise<readonly (readonly Outcome[])[]> {
    const client = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
    client.stdin.end(JSON.stringify({ address: core.grpc, key, steps }))
    return (await text(client.stdout))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as readonly Outcome[])
  }

  test('writes events and reads them by SQL, with a key; without one it may not', async () => {
    const [written, again, read, ...refused] = await take(
      { method: writeEvents, request: batch(0, rows, 'first') },
      { method: writeEvents, request: batch(0, rows, 'first') },
      { method: runSql, request: counting },
      { method: writeEvents, request: batch(0, 1, 'no-key'), withoutKey: true },
      { method: runSql, request: counting, withoutKey: true },
    )
    expect(written).toMatchObject([{ code: codes.ok, answers: [{ accepted: rows, queryable: true }] }])
    expect(again).toMatchObject([{ code: codes.ok, answers: [{ accepted: rows, replayed: true }] }])
    expect(JSON.parse(textOf(read?.[0]))).toEqual({ rows })
    expect(refused).toMatchObject([[{ code: codes.unauthenticated }], [{ code: codes.unauthenticated }]])
  })

  test.each([
    ['a deadline', { deadlineMs: 800 }, codes.deadlineExceeded],
    ['a cancellation', { cancelAfterMs: 800 }, codes.cancelled],
  ])('ends queries by %s, and their places are free again', async (_, how, code) => {
    const [ended, after] = await take(
      { method: runSql, request: endless, times: everyPlace, ...how },
      { method: runSql, request: counting, deadlineMs: 4_000 },
    )
    expect(ended?.map((outcome) => outcome.code)).toEqual(Array.from({ length: everyPlace }, () => code))
    for (const outcome of ended ?? []) expect(outcome.tookMs).toBeLessThan(2_500)
    expect(JSON.parse(textOf(after?.[0]))).toEqual({ rows })
    expect(after?.[0]?.tookMs).toBeLessThan(3_000)
  })

  test.each([
    ['a deadline', { deadlineMs: 20 }, codes.deadlineExceeded],
    ['a cancellation', { cancelAfterMs: 20 }, codes.cancelled],
  ])('ends a write by %s; sent again with its key, the rows are there once', async (how, over, code) => {
    const [held] = await take({ method: runSql, request: counting })
    const { rows: before } = JSON.parse(textOf(held?.[0])) as { rows: number }
    const request = batch(100_000, 20_000, `interrupted by ${how}`)
    const [interrupted, whole, read] = await take(
      { method: writeEvents, request, ...over },
      { method: writeEvents, request },
      { method: runSql, request: counting },
    )
    expect(interrupted).toMatchObject([{ code }])
    expect(whole).toMatchObject([{ code: codes.ok, answers: [{ accepted: 20_000 }] }])
    expect(JSON.parse(textOf(read?.[0]))).toEqual({ rows: before + 20_000 })
  })
})

describe.skipIf(grpcurl === undefined)('grpcurl', () => {
  const args = (method: string, request: object, ...more: readonly string[]) =>
    ['-plaintext', '-H', `authorization: Bearer ${key}`, ...more].concat(
      '-d',
      JSON.stringify(request),
      core.grpc,
      method,
    )
  const curl = (method: string, request: object, ...more: readonly string[]) =>
    promisify(execFile)(grpcurl ?? '', args(method, request, ...more)).then(
      ({ stdout }) => ({ code: 0, text: stdout }),
      ({ code, stderr }: { code: number; stderr: string }) => ({ code, text: stderr }),
    )

  test('lists the services, writes events and reads them', async () => {
    const { stdout } = await promisify(execFile)(grpcurl ?? '', ['-plaintext', core.grpc, 'list'])
    expect(stdout).toContain('edgewise.query.v1.QueryService')
    const stream = { ...batch(0, 3, 'by grpcurl'), stream: 'curled' }
    expect(await curl(writeEvents, stream)).toMatchObject({
      code: 0,
      text: expect.stringContaining('"accepted": 3') as string,
    })
    const read = await curl(runSql, { sql: 'SELECT sum(n) AS s FROM curled', format: 'FORMAT_NDJSON' })
    expect(
      Buffer.from(/"body": "(.*)"/.exec(read.text)?.[1] ?? '', 'base64')
        .toString()
        .trim(),
    ).toBe('{"s":3}')
    const nobody = ['-plaintext', '-d', '{"sql": "SELECT 1"}', core.grpc, runSql]
    await expect(promisify(execFile)(grpcurl ?? '', nobody)).rejects.toMatchObject({ code: 64 + codes.unauthenticated })
  })

  test('is held to its deadline, and let go when it goes', async () => {
    const began = Date.now()
    const late = await curl(runSql, endless, '-max-time', '1')
    // 64 and gRPC's code.
    expect(late.code, late.text).toBe(64 + codes.deadlineExceeded)
    expect(Date.now() - began).toBeLessThan(3_000)

    const going = Array.from({ length: everyPlace }, () =>
      spawn(grpcurl ?? '', args(runSql, endless), { stdio: 'ignore' }),
    )
    const gone = going.map((child) => new Promise((resolve) => child.once('exit', resolve)))
    await sleep(800)
    for (const child of going) child.kill('SIGKILL')
    await Promise.all(gone)
    const after = Date.now()
    expect((await curl(runSql, counting, '-max-time', '4')).code).toBe(0)
    expect(Date.now() - after).toBeLessThan(3_000)
  })
})
