/** Bounds of the stream domain. */
export const streamLimits = {
  /** Records of one insert. */
  batchRows: 50_000,
  /** Bytes read from the log for one insert. */
  batchBytes: 16 * 1024 * 1024,
  /** The table's partitions that one insert may reach: each is a part, with an fsync of its own. */
  batchPartitions: 100,
  /** How long a first event waits for others before it is inserted. */
  lingerMs: 25,
  /** The least time between two inserts from one partition, so that tables do not fall into too many parts. */
  pauseMs: 250,
  /** The same for usage (`_requests`), which every workspace always has some of, and nobody waits for. */
  usagePauseMs: 1_000,
  /** Of those pauses the longest, where the process is busy: at `busyMs` of delay. */
  longestPauseMs: 500,
  longestUsagePauseMs: 5_000,
  busyMs: 10,
  /** Inserts at once. */
  inserts: 2,
  /** Records in which a repeated event is recognised: at least this many before it, in its partition. */
  repeatsWindow: 100_000,
  /** … and only within this time. */
  repeatsMs: 86_400_000,
  /** Rows that one condition may delete: their places are held in memory. */
  deletedRows: 5_000_000,
  /** Partitions of a system stream. */
  systemPartitions: 1,
}

export type StreamLimits = typeof streamLimits
