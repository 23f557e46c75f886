import { Failure } from '#mesh/errors.ts'
import { type Author, itself, record } from '../audit/index.ts'
import { claimName, recordChange, releaseName } from '../config/index.ts'
import type { ControlTx } from '../storage/control.ts'
import { WarehouseError } from '../storage/warehouse.ts'
import type { SystemStream } from '../stream/index.ts'
import type { Definition } from './definition.ts'
import type { IngestOptions } from './deps.ts'
import { schemaMessage } from './message.ts'
import { deleteStreamRow, insertStream, type StreamRow, streamByName, updateStream } from './store.ts'
import { compileDefinition } from './compile.ts'
import type { Validator } from './validate.ts'

/** A stream as it is now. Never changed: a change of the stream is another entry. */
export interface Stream {
  readonly workspace: string
  readonly name: string
  readonly topic: string
  readonly partitions: number
  readonly definition: Definition
  readonly version: number
  readonly createdAt: Date
  readonly validate: Validator
}

/** The streams of all workspaces. Whoever changes one holds its lock alone; whoever writes to it shares it. */
export interface Streams {
  find(workspace: string, name: string): Promise<Stream | undefined>
  create(by: Author, name: string, definition: Definition): Promise<Stream>
  /** Puts the definition in the place of the one that is there; its columns may only have become more. */
  change(by: Author, stream: Stream, definition: Definition): Promise<Stream>
  remove(by: Author, stream: Stream): Promise<void>
  /** The topic of one of the system's own streams, with the workspace's database made where it is not there. */
  system(workspace: string, name: SystemStream): Promise<{ readonly topic: string; readonly partitions: number }>
}

export function createStreams({ db, log, stream: { tables }, limits, partitions }: IngestOptions): Streams {
  const cache = new Map<string, Stream>()
  const topics = new Map<string, number>()
  /** Workspaces whose system tables are known to be as this version has them. */
  const current = new Set<string>()
  const making = new Map<string, Promise<void>>()

  /** How many partitions a topic really has: those of its first creation. */
  async function partitionsOf(topic: string): Promise<number | undefined> {
    if (!topics.has(topic)) for (const found of await log.topics()) topics.set(found.topic, found.partitions)
    return topics.get(topic)
  }

  function definitionOf(row: StreamRow): Definition {
    const { columns, orderBy, partitionBy, ttl, id, time, onUnknown, jsonSchema } = row
    return { columns, orderBy, partitionBy, ttl, id, time, onUnknown, jsonSchema }
  }

  async function hold(row: StreamRow): Promise<Stream> {
    const definition = definitionOf(row)
    const topic = `${row.workspace}.${row.name}`
    const stream: Stream = {
      workspace: row.workspace,
      name: row.name,
      topic,
      partitions: (await partitionsOf(topic)) ?? partitions,
      definition,
      version: row.version,
      createdAt: row.createdAt,
      validate: compileDefinition(definition, limits),
    }
    const oldest = cache.keys().next().value
    if (cache.size >= limits.maxCachedStreams && oldest !== undefined) cache.delete(oldest)
    cache.set(topic, stream)
    return stream
  }

  /** Brings table and topic to what the row says, then says that they are. Everything here can be done twice. */
  async function finish(row: StreamRow): Promise<Stream | undefined> {
    const { workspace, name } = row
    if (row.state === 'deleting') {
      await tables.drop(workspace, name)
      topics.delete(`${workspace}.${name}`)
      await db.transaction(async (tx) => {
        await deleteStreamRow(tx, workspace, name)
        await releaseName(tx, workspace, name)
        await announce(tx, workspace, name)
      })
      return undefined
    }
    await tables.createDatabase(workspace)
    await tables.create(workspace, name, schemaMessage(definitionOf(row)), partitions)
    if (row.version > 1) await tables.addColumns(workspace, name, row.columns)
    // Of what is there now: a mask must never be of before a mark.
    const { columns } = (await streamByName(db, workspace, name)) ?? row
    await tables.mask(workspace, name, columns)
    const ready = await updateStream(db, workspace, name, { state: 'ready' })
    return ready && hold(ready)
  }

  /** Two that find the same unfinished stream finish it once. */
  async function finishOnce(row: StreamRow): Promise<Stream | undefined> {
    const topic = `${row.workspace}.${row.name}`
    let work = making.get(topic)
    if (work === undefined) {
      work = finish(row)
        .then(() => {})
        .finally(() => making.delete(topic))
      making.set(topic, work)
    }
    await work
    return cache.get(topic)
  }

  /** A change that the engine refuses is taken back; any other failure passes, and the next attempt finishes it. */
  async function undo({ workspace, name, definition, version }: Stream, error: unknown): Promise<never> {
    if (!(error instanceof WarehouseError)) throw error
    await updateStream(db, workspace, name, {
      columns: [...definition.columns],
      onUnknown: definition.onUnknown,
      jsonSchema: definition.jsonSchema,
      version,
      state: 'ready',
    })
    await undone(workspace, changed(name))
    await tables.mask(workspace, name, definition.columns)
    throw refusedByEngine(error)
  }

  /** Hides what is to be hidden before it is said to be: who asks from then on finds the mask in its place. */
  async function maskAhead({ workspace, name, definition }: Stream, next: Definition): Promise<void> {
    const pii = new Set(next.columns.filter((column) => column.pii).map((column) => column.name))
    if (definition.columns.every((column) => column.pii || !pii.has(column.name))) return
    await tables.createDatabase(workspace)
    await tables.mask(
      workspace,
      name,
      definition.columns.map((column) => ({ ...column, pii: column.pii || pii.has(column.name) })),
    )
  }

  /** What is in the audit log stays there, so taking it back is another entry. */
  async function undone(workspace: string, change: { readonly action: string; readonly resource: string }) {
    const detail = { because: 'the warehouse refused what was there' }
    await db.transaction((tx) => record(tx, itself(workspace), { ...change, detail }))
  }

  async function announce(tx: ControlTx, workspace: string, name: string): Promise<void> {
    await recordChange(tx, { kind: 'stream', workspace, name })
  }

  return {
    async find(workspace, name) {
      const held = cache.get(`${workspace}.${name}`)
      if (held !== undefined) return held
      const row = await streamByName(db, workspace, name)
      if (row === undefined) return undefined
      return row.state === 'ready' ? hold(row) : finishOnce(row)
    },

    async create(by, name, definition) {
      const { workspace } = by.actor
      const row = await db.transaction(async (tx) => {
        await claimName(tx, workspace, name, 'stream')
        const inserted = await insertStream(tx, {
          workspace,
          name,
          ...definition,
          columns: [...definition.columns],
          orderBy: [...definition.orderBy],
          version: 1,
          state: 'making',
        })
        if (inserted === undefined) throw new Error(`the stream ${workspace}.${name} exists`)
        await announce(tx, workspace, name)
        await record(tx, by, { ...changed(name), detail: summaryOf(inserted) })
        return inserted
      })
      try {
        const made = await finishOnce(row)
        if (made === undefined) throw new Error(`the stream ${workspace}.${name} was not made`)
        return made
      } catch (error) {
        // What cannot be made is not left half made. If this fails too, the next to ask for the stream tries again.
        await finishOnce({ ...row, state: 'deleting' })
        await undone(workspace, { action: 'delete_stream', resource: `stream/${name}` })
        throw error instanceof WarehouseError ? refusedByEngine(error) : error
      }
    },

    async change(by, stream, definition) {
      const { workspace, name } = stream
      await maskAhead(stream, definition)
      const row = await db.transaction(async (tx) => {
        const updated = await updateStream(tx, workspace, name, {
          ...definition,
          columns: [...definition.columns],
          orderBy: [...definition.orderBy],
          version: stream.version + 1,
          state: 'making',
        })
        await announce(tx, workspace, name)
        if (updated !== undefined) await record(tx, by, { ...changed(name), detail: summaryOf(updated) })
        return updated
      })
      const now = row && (await finishOnce(row).catch((error: unknown) => undo(stream, error)))
      if (now === undefined) throw new Error(`the stream ${workspace}.${name} is gone`)
      return now
    },

    async remove(by, { workspace, name, topic }) {
      const row = await db.transaction(async (tx) => {
        const deleting = await updateStream(tx, workspace, name, { state: 'deleting' })
        if (deleting !== undefined) await record(tx, by, { action: 'delete_stream', resource: `stream/${name}` })
        return deleting
      })
      cache.delete(topic)
      if (row !== undefined) await finishOnce(row)
    },

    async system(workspace, name) {
      const topic = `${workspace}.${name}`
      if (!current.has(workspace)) await tables.createDatabase(workspace)
      current.add(workspace)
      return { topic, partitions: (await partitionsOf(topic)) ?? 1 }
    },
  }
}

function changed(name: string) {
  return { action: 'put_stream', resource: `stream/${name}` }
}

function summaryOf({ version, columns, onUnknown }: StreamRow) {
  const pii = columns.filter((column) => column.pii).map(({ name }) => name)
  return { version, columns: columns.length, on_unknown: onUnknown, ...(pii.length > 0 && { pii }) }
}

/** What our own checks let through and the engine does not take, such as a time zone that it has not heard of. */
function refusedByEngine(error: WarehouseError): Failure {
  return new Failure('stream.schema', 'The warehouse does not take this schema.', {
    hint: 'Check the types and time zones of its columns, and what it is ordered and partitioned by.',
    errors: [{ pointer: '/columns', reason: `refused with ${error.kind}` }],
    cause: error,
  })
}
