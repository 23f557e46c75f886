/** Every bound of a query, in one object: the composition root passes it, the README prints it. */
export interface QueryLimits {
  /** Of a text of SQL, and of what it becomes when the engine prints it back. */
  readonly maxSqlBytes: number
  /** How deep parentheses, subqueries and expressions may nest. */
  readonly maxDepth: number
  /** Nodes of the syntax tree. */
  readonly maxElements: number
  /** SELECTs and tables of a statement, together. */
  readonly maxParts: number
  /** Common table expressions of a statement. */
  readonly maxCommonTables: number
  /** Characters of a text with a WITH, times its unions. */
  readonly maxCopiedLength: number
  /** For the check of a text, before it runs. */
  readonly maxCheckSeconds: number
  readonly maxParameters: number
  /** Of all values of one call, together. */
  readonly maxParameterBytes: number
  readonly maxRowsRead: number
  readonly maxBytesRead: number
  readonly maxResultRows: number
  readonly maxResultBytes: number
  readonly maxMemoryBytes: number
  /** Time in the engine; less where the call's deadline is nearer. */
  readonly maxSeconds: number
  /** Queries at once in the installation, and of one workspace. */
  readonly maxRunning: number
  readonly maxRunningOfWorkspace: number
  /** Places that a workspace with a query under way leaves to those that have none. */
  readonly keptFree: number
  /** Queries of one workspace that wait for a place, and for how long. */
  readonly maxWaitingOfWorkspace: number
  readonly maxWaitMs: number
  /**
   * Queries of all workspaces that wait; and how many, where the places have been taken and somebody has waited for so long
   * without a break: that is no burst but too much, and a long queue would only make everybody late.
   */
  readonly maxWaiting: number
  readonly crowdedMs: number
  readonly maxWaitingCrowded: number
  /**
   * How long a workspace waits after a second query that could only be stopped together with the warehouse; twice as long
   * after each more, up to the longest. As long after the last one as `stuckKeptMs` they are forgotten.
   */
  readonly holdBackMs: number
  readonly longestHoldBackMs: number
  readonly stuckKeptMs: number
  /** Queries that take longer are logged. */
  readonly slowMs: number
  readonly maxDescriptionLength: number
  /** Versions of one query that are kept; the oldest go first. */
  readonly maxVersions: number
}

export const defaultQueryLimits: QueryLimits = {
  maxSqlBytes: 256 * 1024,
  maxDepth: 200,
  maxElements: 50_000,
  maxParts: 1_000,
  maxCommonTables: 200,
  maxCopiedLength: 16 * 1024 ** 2,
  maxCheckSeconds: 2,
  maxParameters: 64,
  maxParameterBytes: 16 * 1024,
  maxRowsRead: 1_000_000_000,
  maxBytesRead: 100 * 1024 ** 3,
  maxResultRows: 10_000_000,
  maxResultBytes: 1024 ** 3,
  maxMemoryBytes: 1024 ** 3,
  maxSeconds: 60,
  maxRunning: 4,
  maxRunningOfWorkspace: 4,
  keptFree: 1,
  maxWaitingOfWorkspace: 64,
  maxWaitMs: 5_000,
  maxWaiting: 128,
  crowdedMs: 500,
  maxWaitingCrowded: 6,
  holdBackMs: 10_000,
  longestHoldBackMs: 300_000,
  stuckKeptMs: 900_000,
  slowMs: 1_000,
  maxDescriptionLength: 2_000,
  maxVersions: 1_000,
}
