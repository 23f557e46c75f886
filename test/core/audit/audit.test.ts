import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Failure } from '#mesh/errors.ts'
import { scopes } from '#mesh/scopes.ts'
import {
  AuditEntry_Outcome,
  type AuditEntry,
  ListAuditRequestSchema,
  type ListAuditResponse,
  ReportRefusalsRequestSchema,
} from '#proto/edgewise/audit/v1/audit_pb.ts'
import { type Audit, createAudit, intend, itself, migrations, record } from '../../../core/audit/index.ts'
import { type Broken, createVerifier, type Link } from '../../../core/chain.ts'
import { createSeal } from '../../../core/seal.ts'
import type { Append, Log } from '../../../core/storage/log.ts'
import { callBy } from '../../support/call.ts'
import { freshControl } from '../../support/control.ts'

const admin = { scopes: Object.keys(scopes) }
const edge = { workspace: '', id: 'svc_edge', scopes: ['internal:edge'] }
const day = 86_400_000
let masterKey = Buffer.alloc(32, 1)

let store: Awaited<ReturnType<typeof freshControl>>
let audit: Audit
let appended: Append[] = []
let refuseAppends = false

function start(previous: readonly Buffer[] = [], isAlone = true): Audit {
  return createAudit({
    db: store.db,
    isAlone,
    seal: createSeal(masterKey, previous),
    log: {
      async append(appends: readonly Append[]) {
        if (refuseAppends) throw new Error('the log is down')
        appended.push(...appends)
        return []
      },
    } as unknown as Log,
    logger: pino({ level: 'silent' }),
    createDatabase: async () => {},
    retentionMs: day,
    onDropped: () => {},
  })
}

beforeAll(async () => {
  store = await freshControl([migrations])
})
afterAll(() => store.close())
beforeEach(async () => {
  await store.db.execute(sql`truncate audit_entries, audit_heads, audit_intents`)
  appended = []
  refuseAppends = false
  audit = start()
})
afterEach(() => audit.close())

function change(resource: string, detail = {}, workspace = 'main'): Promise<void> {
  return store.db.transaction((tx) => record(tx, itself(workspace), { action: 'put_query', resource, detail }))
}

function list(
  request: MessageInitShape<typeof ListAuditRequestSchema> = {},
  by: Parameters<typeof callBy>[0] = admin,
): Promise<ListAuditResponse> {
  return audit.service.listAudit(create(ListAuditRequestSchema, request), callBy(by))
}

function linkOf(link: { readonly seq: bigint; readonly hash: string } | undefined): Link {
  return { seq: Number(link?.seq), hash: link?.hash ?? '' }
}

/** As a client does it: from what the API gives. */
async function verify(remembered: readonly Link[] = []): Promise<Broken | undefined> {
  let cursor = ''
  let verifier: ReturnType<typeof createVerifier> | undefined
  do {
    const page = await list({ oldestFirst: true, limit: 1_000, cursor })
    verifier ??= createVerifier(page.workspace, linkOf(page.anchor), [linkOf(page.head), ...remembered])
    for (const entry of page.entries) {
      const broken = verifier.take(plain(entry))
      if (broken !== undefined) return broken
    }
    cursor = page.nextCursor
  } while (cursor !== '')
  return verifier.end()
}

function plain({ seq, at, outcome, ...entry }: AuditEntry) {
  return {
    ...entry,
    detail: entry.detail,
    seq: Number(seq),
    at: new Date(Number(at?.seconds) * 1000 + (at?.nanos ?? 0) / 1e6).toISOString(),
    outcome: outcome === AuditEntry_Outcome.DONE ? ('done' as const) : ('refused' as const),
  }
}

describe('the chain', () => {
  test('does not fork under 50 concurrent writers, and verifies', async () => {
    await Promise.all(
      Array.from({ length: 50 }, async (_, writer) => {
        for (let n = 0; n < 4; n++) await change(`query/q${writer}`, { n })
      }),
    )
    const { head, entries } = await list({ limit: 1_000 })
    expect(head?.seq).toBe(200n)
    expect(new Set(entries.map(({ seq }) => seq)).size).toBe(200)
    expect(await verify()).toBeUndefined()
  })

  test('has no entry of a transaction that came to nothing, and no gap for it', async () => {
    await change('query/a')
    await store.db
      .transaction(async (tx) => {
        await record(tx, itself('main'), { action: 'put_query', resource: 'query/never' })
        throw new Error('no')
      })
      .catch(() => {})
    await change('query/b')
    expect((await list()).entries.map(({ resource }) => resource)).toEqual(['query/b', 'query/a'])
    expect(await verify()).toBeUndefined()
  })

  test.each([
    ['a field', `update audit_entries set actor = 'key_other' where seq = 3`, 3],
    ['a detail', `update audit_entries set detail = '{"n":9}' where seq = 3`, 3],
    ['a time', `update audit_entries set at = at - interval '1 hour' where seq = 4`, 4],
    ['a hash', `update audit_entries set hash = repeat('a', 64) where seq = 2`, 2],
    ['a removed entry', `delete from audit_entries where seq = 3`, 3],
    ['a removed beginning', `delete from audit_entries where seq <= 2`, 1],
    [
      'a removed beginning that is called pruned',
      `with gone as (delete from audit_entries where seq <= 2 returning seq, hash)
       update audit_heads set pruned_seq = 2, pruned_hash = (select hash from gone where seq = 2)`,
      1,
    ],
    ['a removed end', `delete from audit_entries where seq = 5`, 5],
    [
      'entries that changed places',
      `update audit_entries a set resource = b.resource, detail = b.detail, at = b.at, hash = b.hash
       from audit_entries b where (a.seq, b.seq) in ((3, 4), (4, 3))`,
      3,
    ],
  ])('that was tampered with in %s is found out, at the first entry that does not hold', async (_, statement, seq) => {
    for (let n = 1; n <= 5; n++) await change(`query/q${n}`, { n })
    expect(await verify()).toBeUndefined()
    await store.db.execute(sql.raw(statement))
    expect(await verify()).toMatchObject({ seq })
  })

  test('that was cut off with its head mended, or made anew, does not hold against a head remembered elsewhere', async () => {
    for (let n = 1; n <= 5; n++) await change(`query/q${n}`)
    const remembered = linkOf((await list()).head)
    await store.db.execute(sql.raw(`delete from audit_entries where seq = 5`))
    await store.db.execute(
      sql.raw(`update audit_heads set seq = 4, hash = (select hash from audit_entries where seq = 4)`),
    )
    expect(await verify()).toBeUndefined()
    expect(await verify([remembered])).toMatchObject({ seq: 5, reason: expect.stringContaining('cut off') })
    await change('query/instead')
    expect(await verify()).toBeUndefined()
    expect(await verify([remembered])).toMatchObject({ seq: 5, reason: expect.stringContaining('made anew') })
  })

  test('verifies from where it was pruned, and says so in itself', async () => {
    for (let n = 1; n <= 6; n++) await change(`query/q${n}`)
    const remembered = linkOf((await list()).head)
    await expect.poll(() => appended.flatMap(({ records }) => records).length, { timeout: 5_000 }).toBe(6)
    await audit.tend(Date.now() + 3 * day)
    const { anchor, entries } = await list({ oldestFirst: true })
    expect(anchor).toMatchObject({ seq: 6n, hash: remembered.hash })
    expect(entries).toMatchObject([{ seq: 7n, action: 'prune_audit', detail: { through: 6, hash: remembered.hash } }])
    expect(await verify([remembered])).toBeUndefined()

    await audit.close()
    masterKey = Buffer.alloc(32, 2)
    audit = start([Buffer.alloc(32, 1)])
    await audit.reseal()
    await audit.close()
    audit = start()
    expect(await verify([remembered])).toBeUndefined()
  })

  test('is not called pruned by whoever can write the store only, though an entry is made to say so', async () => {
    for (let n = 1; n <= 5; n++) await change(`query/q${n}`)
    const [, , third] = (await list({ oldestFirst: true })).entries
    await store.db.execute(sql`delete from audit_entries where seq <= 3`)
    await store.db.execute(sql`update audit_heads set pruned_seq = 3, pruned_hash = ${third?.hash}`)
    await store.db.transaction((tx) =>
      record(tx, itself('main'), {
        action: 'prune_audit',
        resource: 'audit',
        detail: { through: 3, hash: third?.hash ?? '' },
      }),
    )
    expect(await verify()).toMatchObject({ seq: 1, reason: expect.stringContaining('is missing') })
  })
})

describe('entries', () => {
  test('of another workspace, and of the installation, are not seen', async () => {
    await change('query/mine')
    await change('query/theirs', {}, 'other')
    await change('workspace/other', {}, '')
    expect((await list()).entries.map(({ resource }) => resource)).toEqual(['query/mine'])
    expect((await list({ installation: true })).entries.map(({ resource }) => resource)).toEqual(['workspace/other'])
    const own = admin.scopes.filter((scope) => scope !== 'workspaces:admin')
    await expect(list({ installation: true }, { scopes: own })).rejects.toMatchObject({ problem: 'auth.scope' })
    await expect(list({}, { scopes: ['keys:admin'] })).rejects.toMatchObject({ problem: 'auth.scope' })
    const filters = [{ stream: 's', column: 'c', values: ['1'] }]
    await expect(list({}, { ...admin, filters })).rejects.toMatchObject({ problem: 'auth.scope' })
  })

  test('are found by actor, action, resource, outcome and time, page by page, while others come', async () => {
    for (let n = 0; n < 5; n++) await change('query/a')
    await change('query/b')
    const first = await list({ resource: 'query/a', limit: 2 })
    await change('query/a')
    const second = await list({ resource: 'query/a', limit: 2, cursor: first.nextCursor })
    const third = await list({ resource: 'query/a', limit: 2, cursor: second.nextCursor })
    expect([first, second, third].map(({ entries }) => entries.map(({ seq }) => Number(seq)))).toEqual([
      [5, 4],
      [3, 2],
      [1],
    ])
    expect(third.nextCursor).toBe('')
    expect((await list({ actor: 'key_x' })).entries).toEqual([])
    expect((await list({ action: 'put_query', outcome: AuditEntry_Outcome.DONE })).entries).toHaveLength(7)
    expect((await list({ to: timestampFromMs(Date.now() - 60_000) })).entries).toEqual([])
    expect((await list({ from: timestampFromMs(Date.now() - 60_000) })).entries).toHaveLength(7)
    await expect(list({ cursor: 'x' })).rejects.toMatchObject({ problem: 'request.invalid' })
  })

  test('have neither keys nor tokens nor mail addresses in them, whatever a caller puts into a name', async () => {
    await change('query/a', {
      name: 'made for anna.muster@example.com with ew_abcdefghijklmnop',
      deep: [{ token: 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln' }],
    })
    const [entry] = (await list()).entries
    expect(entry?.detail).toEqual({ name: 'made for a***@example.com with ***', deep: [{ token: '***' }] })
    expect(await verify()).toBeUndefined()
  })
})

describe('refusals', () => {
  const refuse = (failure: Failure, by: Parameters<typeof callBy>[0] = { scopes: [] }) =>
    audit.interceptor.end?.(callBy(by), failure)

  test('of known actors are entries; the same ones at once are one with a count', async () => {
    for (let n = 0; n < 3; n++) refuse(new Failure('auth.scope', 'This needs the scope keys:admin.'))
    refuse(new Failure('request.invalid', 'A mistake is no refusal.'))
    await expect.poll(async () => (await list()).entries.length).toBe(1)
    const [entry] = (await list({ outcome: AuditEntry_Outcome.REFUSED })).entries
    expect(entry).toMatchObject({ actor: 'key_test', action: 'list_keys', code: 'auth.scope' })
    expect(entry?.detail).toEqual({ reason: 'This needs the scope keys:admin.', count: 3 })
    expect(await verify()).toBeUndefined()
  })

  test('that wait are written when the core stops', async () => {
    refuse(new Failure('resource.not_found', 'There is no key of this id.'))
    await audit.close()
    expect((await list()).entries).toHaveLength(1)
  })

  test('are reported by edges, and by nobody else', async () => {
    const refusal = {
      workspace: 'main',
      actor: 'key_1',
      action: 'GET /v1/sql',
      resource: '',
      code: 'limit.rate',
      reason: 'Too many.',
      requestId: 'req_1',
      count: 7,
    }
    const report = (by: Parameters<typeof callBy>[0], refusals = [refusal]) =>
      audit.service.reportRefusals(create(ReportRefusalsRequestSchema, { refusals }), callBy(by))
    await expect(report(admin)).rejects.toMatchObject({ problem: 'auth.scope' })
    await report(edge, [refusal, { ...refusal, code: 'not.a.code' }, { ...refusal, workspace: '../x' }])
    await expect.poll(async () => (await list()).entries.length).toBe(1)
    expect((await list()).entries).toMatchObject([
      { detail: { reason: 'Too many.', count: 7 }, action: 'GET /v1/sql', code: 'limit.rate', requestId: 'req_1' },
    ])
  })
})

test('the stream gets every entry, in order, again under the same identity where it was not noted', async () => {
  refuseAppends = true
  for (let n = 0; n < 3; n++) await change(`query/q${n}`)
  await audit.close()
  refuseAppends = false
  audit = start()
  const records = () => appended.flatMap((append) => append.records)
  await expect.poll(() => records().length, { timeout: 5_000 }).toBe(3)
  expect(records().map(({ value }) => (JSON.parse(value) as { seq: number }).seq)).toEqual([1, 2, 3])
  await expect
    .poll(async () => JSON.stringify(await store.db.execute(sql`select shipped_seq from audit_heads`)))
    .toContain('3')
  await audit.close()
  await store.db.execute(sql`update audit_heads set shipped_seq = 1`)
  audit = start()
  await expect.poll(() => records().length, { timeout: 5_000 }).toBe(5)
  const keys = records().map(({ key }) => Buffer.from(key ?? []).toString('hex'))
  expect(new Set(keys).size).toBe(3)
  expect(appended[0]).toMatchObject({ topic: 'main._audit', partition: 0 })
})

describe('a change that no transaction can hold', () => {
  const author = { actor: { workspace: 'main', id: 'key_1' }, requestId: 'req_1' }
  const deletion = { action: 'delete_rows', resource: 'stream/visits', detail: { rows: 7 } }

  test('is an entry once, when it has ended', async () => {
    const intent = await intend(store.db, author, deletion, Date.now())
    expect((await list()).entries).toEqual([])
    await intent.settle({})
    await intent.settle({ interrupted: true })
    expect(await audit.settle()).toBe(0)
    expect((await list()).entries).toMatchObject([
      { actor: 'key_1', action: 'delete_rows', resource: 'stream/visits', requestId: 'req_1', detail: { rows: 7 } },
    ])
  })

  test('is one at the next start where a crash cut it short, and says so', async () => {
    await intend(store.db, author, deletion, Date.now())
    await audit.close()
    audit = start()
    expect(await audit.settle()).toBe(1)
    expect(await audit.settle()).toBe(0)
    const { entries } = await list()
    expect(entries).toMatchObject([{ actor: 'key_1', requestId: 'req_1', detail: { rows: 7, interrupted: true } }])
  })

  test('of another process is left alone until its time is long over', async () => {
    const theirs = await intend(store.db, author, deletion, Date.now() + 10_000)
    await audit.close()
    audit = start([], false)
    await audit.tend(Date.now())
    await theirs.settle({})
    await intend(store.db, author, deletion, Date.now() + 10_000)
    await audit.tend(Date.now() + 80_000)
    expect((await list()).entries).toMatchObject([{ detail: { rows: 7, interrupted: true } }, { detail: { rows: 7 } }])
  })
})
