import { quoteName, quoteText } from '../quote.ts'
import type { Layout, TableSql } from '../warehouse.ts'

/**
 * An insert that is sent again is known by its token, so long as there were no more of them since: for longer than a process
 * that has lost a partition while it slept can have one under way.
 */
const window = 10_000
/** A part is on the disk before its insert is answered: once the sink has committed, nothing else has the rows for long. */
const durable = 'fsync_after_insert = 1, fsync_part_directory = 1'

const head = ({ ifNotExists }: TableSql): string => (ifNotExists ? 'CREATE TABLE IF NOT EXISTS' : 'CREATE TABLE')
const nameOf = (database: string, table: string): string => `${quoteName(database)}.${quoteName(table)}`
const more = (settings: string | undefined): string => (settings === undefined ? '' : `, ${settings}`)

/** Every table where its name says, on the one server. */
const single: Layout = {
  onCluster: '',
  settings: {},
  rowsOf: (database) => database,
  createDatabase: (name) => [`CREATE DATABASE IF NOT EXISTS ${quoteName(name)}`],
  createTable: (made) => [
    `${head(made)} ${nameOf(made.database, made.table)} (${made.columns}) ENGINE = ${made.engine} ${made.clauses} SETTINGS non_replicated_deduplication_window = ${window}, ${durable}${more(made.settings)}`,
  ],
  alterTable: (database, table, change) => [`ALTER TABLE ${nameOf(database, table)} ${change}`],
  dropTable: (database, table) => [`DROP TABLE IF EXISTS ${nameOf(database, table)} SYNC`],
  killMutations: (condition) => `KILL MUTATION WHERE ${condition} SYNC`,
  ofHosts: (table) => `system.${table}`,
  ofShards: (table) => `system.${table}`,
  caughtUp: () => [],
}

/**
 * On a cluster: rows are in replicated tables of the same names in databases `_local_…`, one part of them on each shard, and
 * what the names stand for is all of them together. Replicas find one another by ClickHouse's own default path, in which the
 * table's UUID and the macros `{shard}` and `{replica}` of each host are.
 */
function clustered(cluster: string): Layout {
  const onCluster = ` ON CLUSTER ${quoteName(cluster)}`
  const local = (database: string): string => `_local_${database}`
  return {
    onCluster,
    settings: {
      // An insert is answered when most replicas of each shard have it.
      distributed_foreground_insert: 1,
      insert_quorum: 'auto',
      alter_sync: 2,
      // Each side of a JOIN or IN is all of its table, not what is of it on the same shard.
      distributed_product_mode: 'global',
      // A condition may read a table: the same one everywhere, which does not change meanwhile.
      allow_nondeterministic_mutations: 1,
    },
    rowsOf: local,
    createDatabase: (name) =>
      [name, local(name)].map((one) => `CREATE DATABASE IF NOT EXISTS ${quoteName(one)}${onCluster}`),
    createTable: (made) => [
      `${head(made)} ${nameOf(local(made.database), made.table)}${onCluster} (${made.columns}) ENGINE = Replicated${made.engine} ${made.clauses} SETTINGS replicated_deduplication_window = ${window}, replicated_deduplication_window_seconds = 604800, ${durable}${more(made.settings)}`,
      `${head(made)} ${nameOf(made.database, made.table)}${onCluster} (${made.columns}) ENGINE = Distributed(${[cluster, local(made.database), made.table].map(quoteText).join(', ')}, ${made.shardBy})`,
    ],
    // What is read must be there before it is asked for.
    alterTable: (database, table, change) =>
      [local(database), database].map((one) => `ALTER TABLE ${nameOf(one, table)}${onCluster} ${change}`),
    dropTable: (database, table) =>
      [database, local(database)].map((one) => `DROP TABLE IF EXISTS ${nameOf(one, table)}${onCluster} SYNC`),
    killMutations: (condition) => `KILL MUTATION${onCluster} WHERE ${condition} SYNC`,
    ofHosts: (table) => `clusterAllReplicas(${quoteText(cluster)}, system.${table})`,
    ofShards: (table) => `cluster(${quoteText(cluster)}, system.${table})`,
    caughtUp: (database, table) => [`SYSTEM SYNC REPLICA${onCluster} ${nameOf(local(database), table)}`],
  }
}

/** The one place that knows whether there is a cluster. */
export function layoutOf(cluster: string | undefined): Layout {
  return cluster === undefined ? single : clustered(cluster)
}
