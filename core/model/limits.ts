/** Bounds of models; README lists them. */
export const modelLimits = {
  /** Of a workspace. */
  maxModels: 200,
  /** Trainings of a workspace that have not ended. */
  maxOpenJobs: 20,
  /** Trainings at once in this process, and of one workspace. */
  trainings: 2,
  trainingsOfWorkspace: 1,
  /** Rows of a training, where max_rows does not say otherwise. */
  rows: 1_000_000,
  /** Bytes that the rows of a training are sent as. */
  maxBytes: 2 * 1024 ** 3,
  /** How long a training may take, where time_limit does not say otherwise. */
  timeLimitMs: 3_600_000,
  /** A larger file predicts in the core: what edges hold of all of them together. */
  maxEdgeBytes: 3 * 1024 ** 2,
  /** Of any model. */
  maxArtefactBytes: 256 * 1024 ** 2,
  /** Rows of one prediction. */
  maxRows: 1_000,
  /** Rows of one EVALUATE, and their bytes in memory. */
  maxEvaluatedRows: 2_000_000,
  maxEvaluatedBytes: 256 * 1024 ** 2,
  /** Rows that a watch reads in one look; the next look is at once where there are more. */
  maxWatchedRows: 100_000,
  /** Where the series of one watch stand, together. */
  maxWatchedBytes: 8 * 1024 ** 2,
  /** Looks at once in this process; of one workspace one. */
  looks: 4,
  /** Length of a statement. */
  maxSqlBytes: 256 * 1024,
  /** Predictions of one call of an edge that records them. */
  maxServed: 1_000,
  /** Rows that versions in the shadow are scored on at once, in this process; of more, some are recorded without. */
  maxShadowed: 4_000,
  /** Models that are held ready to predict in the core. */
  maxLoaded: 16,
  /** Threads that predict for rows of SELECTs; a processor is left to the rest. */
  maxBatchThreads: 4,
  /** Of the rows that the warehouse sends at a time for a prediction. */
  maxBlockBytes: 64 * 1024 ** 2,
} as const

export type ModelLimits = typeof modelLimits
