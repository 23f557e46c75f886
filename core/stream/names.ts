/** The consumer group that fills the warehouse. */
export const warehouseGroup = 'warehouse'

/** What this group has committed is where a partition is to be read again from. It reads nothing itself. */
export const replayGroup = 'replay'

/** Every consumer group that reads the log: it keeps what one of them has still to read. */
export const consumerGroups: readonly string[] = [warehouseGroup]

/** Columns that `SELECT *` does not show: where in the log a row came from. They make the sink exactly-once. */
export const hiddenColumns = ['_partition', '_offset'] as const

/** Where each stream is a view of its table, with constants for personal data. No workspace begins with `_`. */
export function maskedDatabase(workspace: string): string {
  return `_masked_${workspace}`
}

/** Whose database it is. */
export function workspaceOf(database: string): string {
  return database.replace(/^_(?:masked|local)_/, '')
}

/** A stream's topic. Neither part can hold a dot. */
export function topicOf(workspace: string, stream: string): string {
  return `${workspace}.${stream}`
}

/** Whether a topic is a stream's: the log has others, which have no table. */
export function isOfStream(topic: string): boolean {
  return topic.includes('.') && !topic.includes('/')
}

export function streamOf(topic: string): { readonly workspace: string; readonly stream: string } {
  const dot = topic.indexOf('.')
  return { workspace: topic.slice(0, dot), stream: topic.slice(dot + 1) }
}
