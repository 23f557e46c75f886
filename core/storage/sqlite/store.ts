import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import type { Behind, Commit, PartitionRange, Position, Retention, TopicOptions } from '../log.ts'

/** What travels to the thread that owns the database. Each is one synchronous step; several share a transaction. */
export type Step =
  | { readonly kind: 'createTopic'; readonly topic: string; readonly options: TopicOptions }
  | { readonly kind: 'deleteTopic'; readonly topic: string }
  | { readonly kind: 'topics' }
  | { readonly kind: 'append'; readonly chunks: readonly EncodedAppend[] }
  | {
      readonly kind: 'read'
      readonly topic: string
      readonly partition: number
      readonly from: number
      readonly maxRecords: number
      readonly maxBytes: number
    }
  | { readonly kind: 'ranges'; readonly topic: string }
  | {
      readonly kind: 'seek'
      readonly topic: string
      readonly partition: number
      readonly from: number
      readonly timestamp: number
    }
  | { readonly kind: 'committed'; readonly group: string; readonly topic: string | undefined }
  | { readonly kind: 'lag'; readonly group: string }
  | { readonly kind: 'commit'; readonly group: string; readonly commits: readonly Commit[] }
  | { readonly kind: 'deleteGroup'; readonly group: string }
  | ({ readonly kind: 'expire' } & Retention)

export interface EncodedAppend {
  readonly topic: string
  readonly partition: number
  readonly count: number
  /** Of the newest record. */
  readonly timestamp: number
  readonly bytes: Uint8Array
}

export interface EncodedChunk {
  readonly start: number
  readonly bytes: Uint8Array
}

/** Where a search for a time has come to. */
export interface Sought {
  /** The chunk that has a record as young as that. */
  readonly chunk?: EncodedChunk
  /** Where to search on; absent at the end. */
  readonly next?: number
}

/** Chunks that one step of `seek` looks at at most, for the same reason. */
const soughtAtOnce = 5_000
/** Chunks that one step of `expire` drops at most, so that appends do not wait long behind it. */
const expiredAtOnce = 1_000

const schema = `
  CREATE TABLE IF NOT EXISTS topics (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS ends (
    topic INTEGER NOT NULL, partition INTEGER NOT NULL, end INTEGER NOT NULL, PRIMARY KEY (topic, partition)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS chunks (
    topic INTEGER NOT NULL, partition INTEGER NOT NULL, start INTEGER NOT NULL, count INTEGER NOT NULL,
    timestamp INTEGER NOT NULL, bytes BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS chunks_place ON chunks (topic, partition, start);
  CREATE TABLE IF NOT EXISTS commits (
    consumer TEXT NOT NULL, topic INTEGER NOT NULL, partition INTEGER NOT NULL, committed INTEGER NOT NULL,
    metadata TEXT NOT NULL, PRIMARY KEY (topic, consumer, partition)
  ) STRICT, WITHOUT ROWID;
`

/**
 * The log's database. WAL with synchronous=FULL: a transaction that committed survives a power cut.
 * https://www.sqlite.org/pragma.html#pragma_synchronous
 */
export function openStore(directory: string) {
  const db = new DatabaseSync(join(directory, 'log.sqlite'))
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000')
  db.exec(schema)
  // A log of before, which kept with each topic what is said at expiry now.
  for (const { name } of db.prepare("SELECT name FROM pragma_table_info('topics')").all()) {
    if (name === 'retention_ms' || name === 'groups') db.exec(`ALTER TABLE topics DROP COLUMN ${name}`)
  }
  const statements = new Map<string, ReturnType<DatabaseSync['prepare']>>()
  const prepare = (sql: string) => {
    let statement = statements.get(sql)
    if (statement === undefined) statements.set(sql, (statement = db.prepare(sql)))
    return statement
  }
  const all = <Row>(sql: string, ...values: SQLInputValue[]) => prepare(sql).all(...values) as unknown as Row[]
  const get = <Row>(sql: string, ...values: SQLInputValue[]) =>
    prepare(sql).get(...values) as unknown as Row | undefined
  const run = (sql: string, ...values: SQLInputValue[]) => prepare(sql).run(...values)

  const topicIds = new Map<string, { id: number; partitions: number }>()
  function topicId(topic: string): { id: number; partitions: number } | undefined {
    let known = topicIds.get(topic)
    if (known === undefined) {
      known = get<{ id: number; partitions: number }>('SELECT id, partitions FROM topics WHERE name = ?', topic)
      if (known !== undefined) topicIds.set(topic, known)
    }
    return known
  }

  const steps = {
    createTopic({ topic, options }: Step & { kind: 'createTopic' }): void {
      run('INSERT INTO topics (name, partitions) VALUES (?, ?) ON CONFLICT DO NOTHING', topic, options.partitions)
      const { id, partitions } = topicId(topic) ?? { id: 0, partitions: 0 }
      for (let p = 0; p < partitions; p++) run('INSERT INTO ends VALUES (?, ?, 0) ON CONFLICT DO NOTHING', id, p)
    },
    deleteTopic({ topic }: Step & { kind: 'deleteTopic' }): void {
      const id = topicId(topic)?.id
      if (id === undefined) return
      topicIds.delete(topic)
      for (const table of ['chunks', 'ends', 'commits']) run(`DELETE FROM ${table} WHERE topic = ?`, id)
      run('DELETE FROM topics WHERE id = ?', id)
    },
    topics(): { topic: string; partitions: number }[] {
      return all('SELECT name AS topic, partitions FROM topics ORDER BY id')
    },
    append({ chunks }: Step & { kind: 'append' }): Position[] {
      return chunks.map(({ topic, partition, count, timestamp, bytes }) => {
        const known = topicId(topic)
        if (known === undefined || partition >= known.partitions) {
          throw new Error(`there is no partition ${partition} of a topic ${topic}`)
        }
        const { end } = get<{ end: number }>(
          'UPDATE ends SET end = end + ? WHERE topic = ? AND partition = ? RETURNING end',
          count,
          known.id,
          partition,
        ) ?? { end: count }
        run('INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?)', known.id, partition, end - count, count, timestamp, bytes)
        return { topic, partition, offset: end - 1 }
      })
    },
    read({ topic, partition, from, maxRecords, maxBytes }: Step & { kind: 'read' }): EncodedChunk[] {
      const id = topicId(topic)?.id
      if (id === undefined) return []
      const found: EncodedChunk[] = []
      // The chunk that holds `from` begins at or before it.
      const begin = get<{ start: number }>(
        'SELECT start FROM chunks WHERE topic = ? AND partition = ? AND start <= ? ORDER BY start DESC LIMIT 1',
        id,
        partition,
        from,
      )
      let records = 0
      let bytes = 0
      for (const row of prepare(
        'SELECT start, count, bytes FROM chunks WHERE topic = ? AND partition = ? AND start >= ? ORDER BY start',
      ).iterate(id, partition, begin?.start ?? from) as Iterable<unknown>) {
        const chunk = row as { start: number; count: number; bytes: Uint8Array }
        const useful = chunk.start + chunk.count - Math.max(from, chunk.start)
        if (useful <= 0) continue
        if (found.length > 0 && (records + useful > maxRecords || bytes + chunk.bytes.length > maxBytes)) break
        found.push({ start: chunk.start, bytes: chunk.bytes })
        records += useful
        bytes += chunk.bytes.length
      }
      return found
    },
    ranges({ topic }: Step & { kind: 'ranges' }): PartitionRange[] {
      return all(
        `SELECT e.partition, e.end, coalesce(
           (SELECT min(start) FROM chunks c WHERE c.topic = e.topic AND c.partition = e.partition), e.end) AS start
         FROM ends e JOIN topics t ON t.id = e.topic WHERE t.name = ? ORDER BY e.partition`,
        topic,
      )
    },
    /** The first chunk from `from` on that has a record of a time or later, of a bounded number. */
    seek({ topic, partition, from, timestamp }: Step & { kind: 'seek' }): Sought {
      const id = topicId(topic)?.id
      if (id === undefined) return {}
      const rows = prepare(
        'SELECT rowid AS id, start, count, timestamp FROM chunks WHERE topic = ? AND partition = ? AND start >= ? ORDER BY start LIMIT ?',
      ).iterate(id, partition, from, soughtAtOnce) as Iterable<unknown>
      let looked = 0
      let next = from
      for (const row of rows) {
        const chunk = row as { id: number; start: number; count: number; timestamp: number }
        if (chunk.timestamp >= timestamp) {
          return {
            chunk: get<EncodedChunk>('SELECT start, bytes FROM chunks WHERE rowid = ?', chunk.id) as EncodedChunk,
          }
        }
        looked++
        next = chunk.start + chunk.count
      }
      return looked === soughtAtOnce ? { next } : {}
    },
    committed({ group, topic }: Step & { kind: 'committed' }): Commit[] {
      return all(
        `SELECT t.name AS topic, c.partition, c.committed AS offset, c.metadata
         FROM commits c JOIN topics t ON t.id = c.topic
         WHERE c.consumer = ?1 AND (?2 IS NULL OR t.name = ?2) ORDER BY t.id, c.partition`,
        group,
        topic ?? null,
      )
    },
    lag({ group }: Step & { kind: 'lag' }): Behind[] {
      return all(
        `SELECT t.name AS topic, e.partition, e.end - coalesce(c.committed, 0) AS records
         FROM ends e JOIN topics t ON t.id = e.topic
         LEFT JOIN commits c ON c.topic = e.topic AND c.consumer = ? AND c.partition = e.partition
         ORDER BY t.id, e.partition`,
        group,
      )
    },
    commit({ group, commits }: Step & { kind: 'commit' }): void {
      for (const { topic, partition, offset, metadata } of commits) {
        const id = topicId(topic)?.id
        // The topic was deleted while its records were worked on: there is nothing left to remember.
        if (id === undefined) continue
        run(
          `INSERT INTO commits (consumer, topic, partition, committed, metadata) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET committed = excluded.committed, metadata = excluded.metadata`,
          group,
          id,
          partition,
          offset,
          metadata,
        )
      }
    },
    deleteGroup({ group }: Step & { kind: 'deleteGroup' }): void {
      for (const { id } of all<{ id: number }>('SELECT id FROM topics')) {
        run('DELETE FROM commits WHERE topic = ? AND consumer = ?', id, group)
      }
    },
    /** Drops the oldest chunks of each partition, a bounded number; answers whether there may be more to drop. */
    expire({ before, groups, topics }: Step & { kind: 'expire' }): boolean {
      // A group that has not committed at all holds everything.
      const partitions = all<{ topic: number; partition: number; passed: number }>(
        `SELECT e.topic, e.partition, coalesce((
           SELECT min(coalesce(k.committed, 0)) FROM json_each(?1) g
           LEFT JOIN commits k ON k.topic = e.topic AND k.consumer = g.value AND k.partition = e.partition
         ), e.end) AS passed FROM ends e
         WHERE ?2 IS NULL OR e.topic IN (SELECT t.id FROM topics t JOIN json_each(?2) n ON n.value = t.name)`,
        JSON.stringify(groups),
        topics === undefined ? null : JSON.stringify(topics),
      )
      let left = expiredAtOnce
      for (const { topic, partition, passed } of partitions) {
        // From the oldest on by the index, and no further than the first that stays: what remains has no gaps, and a
        // long log costs no more than a short one.
        for (; left > 0; left--) {
          const oldest = get<{ id: number; timestamp: number; end: number }>(
            `SELECT rowid AS id, timestamp, start + count AS end FROM chunks
             WHERE topic = ? AND partition = ? ORDER BY start LIMIT 1`,
            topic,
            partition,
          )
          if (oldest === undefined || oldest.timestamp >= before || oldest.end > passed) break
          run('DELETE FROM chunks WHERE rowid = ?', oldest.id)
        }
      }
      return left === 0
    },
  }

  return {
    /** Runs the steps in one transaction, each all or nothing; the outcome of each, in order. Throws if it cannot commit. */
    transact(batch: readonly Step[]): ({ readonly value: unknown } | { readonly error: unknown })[] {
      db.exec('BEGIN IMMEDIATE')
      try {
        const outcomes = batch.map((step) => {
          db.exec('SAVEPOINT step')
          try {
            const value = (steps[step.kind] as (step: Step) => unknown)(step)
            db.exec('RELEASE step')
            return { value }
          } catch (error) {
            if (!db.isTransaction) throw error
            db.exec('ROLLBACK TO step; RELEASE step')
            topicIds.clear()
            return { error }
          }
        })
        db.exec('COMMIT')
        return outcomes
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK')
        topicIds.clear()
        throw error
      }
    },
    close: () => db.close(),
  }
}
