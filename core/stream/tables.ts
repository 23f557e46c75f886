import type { Column, Schema } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import type { Context } from '../context.ts'
import type { Log } from '../storage/log.ts'
import type { Selection } from '../storage/warehouse.ts'
import { deleteRows, type DeleteRowsDeps, placesOf } from './delete-rows.ts'
import { columnSql, tableOf } from './ddl.ts'
import { type MaskedColumn, maskedViewSql } from './masked.ts'
import { maskedDatabase, topicOf, workspaceOf } from './names.ts'
import { quoteName } from '../storage/quote.ts'
import { systemStreams, systemTablesSql } from './system.ts'

/** The tables and topics of streams: made, widened, emptied and dropped together. */
export function createTables(deps: DeleteRowsDeps & { readonly log: Log }) {
  const { log, warehouse, limits } = deps
  const topic = (workspace: string, stream: string, partitions: number) =>
    log.createTopic(topicOf(workspace, stream), { partitions })
  const { layout } = warehouse
  const nameOf = (workspace: string, stream: string) => `${quoteName(workspace)}.${quoteName(stream)}`
  const run = async (statements: readonly string[]): Promise<void> => {
    for (const sql of statements) await warehouse.command(sql)
  }

  return {
    /** The database of a workspace, with its system streams. Repeating it changes nothing. */
    async createDatabase(workspace: string): Promise<void> {
      await run(layout.createDatabase(workspace))
      await run([`CREATE DATABASE IF NOT EXISTS ${quoteName(maskedDatabase(workspace))}${layout.onCluster}`])
      await run(systemTablesSql(layout, workspace))
      for (const stream of systemStreams) await topic(workspace, stream, limits.systemPartitions)
      // One, so that the entries come in their order.
      await topic(workspace, '_audit', 1)
    },
    /** The table first: nothing may be in the log that has nowhere to go. */
    async create(workspace: string, stream: string, schema: Schema, partitions: number): Promise<void> {
      await run(layout.createTable(tableOf(workspace, stream, schema)))
      await topic(workspace, stream, partitions)
    },
    async addColumns(
      workspace: string,
      stream: string,
      columns: readonly Pick<Column, 'name' | 'type'>[],
    ): Promise<void> {
      if (columns.length === 0) return
      const added = columns.map((column) => `ADD COLUMN IF NOT EXISTS ${columnSql(column)}`)
      await run(layout.alterTable(workspace, stream, added.join(', ')))
    },
    /** Makes the stream's masked view what its columns say now. The table must have them. */
    async mask(workspace: string, stream: string, columns: readonly MaskedColumn[]): Promise<void> {
      await run([maskedViewSql(workspace, stream, columns, layout.onCluster)])
    },
    /** Topics of the streams that have a mask. */
    async masked(): Promise<ReadonlySet<string>> {
      const views = await warehouse.rows<{ readonly database: string; readonly name: string }>({
        sql: `SELECT database, name FROM system.tables WHERE startsWith(database, {prefix:String})`,
        database: 'system',
        params: { prefix: maskedDatabase('') },
        deadline: Date.now() + 60_000,
        signal: AbortSignal.timeout(60_000),
      })
      return new Set(views.map(({ database, name }) => topicOf(workspaceOf(database), name)))
    },
    /** The log first: what the sink still finds there has nowhere to go. */
    async drop(workspace: string, stream: string): Promise<void> {
      await log.deleteTopic(topicOf(workspace, stream))
      await run([
        `DROP VIEW IF EXISTS ${nameOf(maskedDatabase(workspace), stream)}${layout.onCluster} SYNC`,
        ...layout.dropTable(workspace, stream),
        ...layout.dropTable(workspace, placesOf(stream)),
      ])
    },
    async truncate(workspace: string, stream: string): Promise<void> {
      await run([`TRUNCATE TABLE ${nameOf(layout.rowsOf(workspace), stream)}${layout.onCluster}`])
    },
    deleteRows: (
      workspace: string,
      stream: string,
      selection: Selection,
      until: Pick<Context, 'signal' | 'deadline'>,
      begin: (rows: number) => Promise<void>,
    ) => deleteRows(deps, workspace, stream, selection, until, begin),
  }
}

export type Tables = ReturnType<typeof createTables>
