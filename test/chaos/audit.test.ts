import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { connectGrpc } from '#mesh/rpc/node/client.ts'
import { AuditEntry_Outcome, type AuditEntry, AuditService } from '#proto/edgewise/audit/v1/audit_pb.ts'
import { IdentityService } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { IngestService } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { Format, QueryService } from '#proto/edgewise/query/v1/query_pb.ts'
import { createVerifier } from '../../core/chain.ts'
import { type RunningCore, startCore } from '../support/core.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { createRandom } from '../../core/model/random.ts'

const rounds = Number(process.env['CHAOS_ROUNDS'] ?? 4)
const seed = Number(process.env['CHAOS_SEED'] ?? 1)

test(
  `killed ${rounds} times amid changes, the chain holds: no acknowledged change without its entry, no entry without its change`,
  { timeout: 60_000 + rounds * 20_000 },
  async () => {
    const directory = temporaryDirectory()
    const random = createRandom(seed)
    const acknowledged = new Set<string>()
    let core: RunningCore | undefined
    let key = ''
    let streams = 0
    try {
      for (let round = 0; round < rounds; round++) {
        core = await startCore(directory.path)
        key = core.adminKey ?? key
        const dead = new AbortController()
        using identity = connectGrpc(IdentityService, { address: core.grpc, credential: key })
        using ingest = connectGrpc(IngestService, { address: core.grpc, credential: key })
        const changing = [
          ...Array.from({ length: 3 }, () => async (): Promise<void> => {
            const made = await identity.createKey({ name: 'chaos', scopes: ['sql:read'] })
            const resource = `key/${made.key?.id}`
            acknowledged.add(`create_key ${resource}`)
            if (random() < 0.5) return
            await identity.revokeKey({ id: made.key?.id ?? '' })
            acknowledged.add(`revoke_key ${resource}`)
          }),
          async (): Promise<void> => {
            const name = `s${streams++}`
            await ingest.putStream({ name, schema: { columns: [{ name: 'a', type: 'String' }], orderBy: ['a'] } })
            acknowledged.add(`put_stream stream/${name}`)
            if (random() < 0.5) return
            await ingest.deleteStream({ name })
            acknowledged.add(`delete_stream stream/${name}`)
          },
        ].map(async (change) => {
          while (!dead.signal.aborted) {
            try {
              await change()
            } catch (error) {
              if (!dead.signal.aborted) throw error
            }
          }
        })
        await sleep(200 + random() * 1_500)
        dead.abort()
        await core.kill()
        await Promise.all(changing)
      }

      core = await startCore(directory.path)
      using identity = connectGrpc(IdentityService, { address: core.grpc, credential: key })
      using ingest = connectGrpc(IngestService, { address: core.grpc, credential: key })
      using audit = connectGrpc(AuditService, { address: core.grpc, credential: key })
      const entries = await verified(audit)
      const done = entries.map(({ action, resource }) => `${action} ${resource}`)
      expect(done.length).toBeGreaterThan(acknowledged.size)
      expect(new Set(done).size).toBe(done.length)
      for (const change of acknowledged) expect(done).toContain(change)

      const keys = await everyPage(async (cursor) => {
        const { keys: data, nextCursor } = await identity.listKeys({ limit: 1_000, cursor })
        return { data, nextCursor }
      })
      const made = keys.filter(({ name }) => name === 'chaos')
      expect(done.filter((text) => text.startsWith('create_key')).sort()).toEqual(
        made.map(({ id }) => `create_key key/${id}`).sort(),
      )
      expect(done.filter((text) => text.startsWith('revoke_key')).sort()).toEqual(
        made.flatMap(({ id, revokedAt }) => (revokedAt === undefined ? [] : [`revoke_key key/${id}`])).sort(),
      )
      for (let n = 0; n < streams; n++) {
        const name = `s${n}`
        const there = await ingest.getStream({ name }).then(
          () => true,
          () => false,
        )
        const expected = done.includes(`put_stream stream/${name}`) && !done.includes(`delete_stream stream/${name}`)
        expect(`${name} ${there}`).toBe(`${name} ${expected}`)
      }

      const shipped = async () => {
        const { head } = await audit.listAudit({ limit: 1 })
        return { wanted: String(head?.seq), ...(await inStream(core as RunningCore, key)) }
      }
      await expect
        .poll(
          async () => {
            const { wanted, rows, different, last } = await shipped()
            return rows === wanted && different === wanted && last === wanted
          },
          { timeout: 30_000, interval: 200 },
        )
        .toBe(true)
    } finally {
      await core?.stop()
      directory.remove()
    }
  },
)

/** What was done, once the whole chain is seen to hold. */
async function verified(audit: ReturnType<typeof connectGrpc<typeof AuditService>>): Promise<readonly AuditEntry[]> {
  let verifier: ReturnType<typeof createVerifier> | undefined
  const entries = await everyPage(async (cursor) => {
    const page = await audit.listAudit({ oldestFirst: true, limit: 1_000, cursor })
    verifier ??= createVerifier('main', { seq: Number(page.anchor?.seq), hash: page.anchor?.hash ?? '' }, [
      { seq: Number(page.head?.seq), hash: page.head?.hash ?? '' },
    ])
    for (const { seq, at, detail, outcome, ...entry } of page.entries) {
      const broken = verifier.take({
        ...entry,
        detail,
        seq: Number(seq),
        at: new Date(Number(at?.seconds) * 1000 + (at?.nanos ?? 0) / 1e6).toISOString(),
        outcome: outcome === AuditEntry_Outcome.DONE ? 'done' : 'refused',
      })
      expect(broken).toBeUndefined()
    }
    return { data: page.entries, nextCursor: page.nextCursor }
  })
  expect(verifier?.end()).toBeUndefined()
  return entries.filter(({ outcome }) => outcome === AuditEntry_Outcome.DONE)
}

async function everyPage<T>(
  read: (cursor: string) => Promise<{ readonly data: readonly T[]; readonly nextCursor: string }>,
): Promise<readonly T[]> {
  const found: T[] = []
  let cursor = ''
  do {
    const page = await read(cursor)
    found.push(...page.data)
    cursor = page.nextCursor
  } while (cursor !== '')
  return found
}

async function inStream(core: RunningCore, credential: string): Promise<Record<'rows' | 'different' | 'last', string>> {
  using query = connectGrpc(QueryService, { address: core.grpc, credential })
  const sql = `SELECT toString(count()) AS rows, toString(uniqExact(seq)) AS different, toString(max(seq)) AS last FROM _audit`
  let text = ''
  for await (const { piece } of query.runSql({ sql, format: Format.NDJSON })) {
    if (piece.case === 'body') text += Buffer.from(piece.value).toString()
  }
  return JSON.parse(text) as Record<'rows' | 'different' | 'last', string>
}
