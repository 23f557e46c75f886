/** The bounds of the door. Everything past one of them is an error that names it. */
export const ingestLimits = {
  /** Of a request's body as it came. */
  maxBodyBytes: 10 * 1024 * 1024,
  /** Of a body after inflation. */
  maxInflatedBytes: 64 * 1024 * 1024,
  /** Rows in a batch. */
  maxRows: 50_000,
  /** Of one row's text. */
  maxRowBytes: 1024 * 1024,
  /** Columns of a stream. */
  maxColumns: 1_000,
  /** Of a column's name, in UTF-8. */
  maxColumnNameBytes: 200,
  /** Of a stream's JSON Schema, in characters. */
  maxJsonSchemaLength: 65_536,
  /** How deep a row's values may nest. */
  maxDepth: 64,
  /** Down to here nested objects become dotted columns; what is deeper is kept as JSON text. */
  flattenDepth: 3,
  /** Bodies that are being inflated at once: what comes of one is known only afterwards. */
  maxInflating: 2,
  /** Bodies that are being worked on at once, all together, after inflation. */
  maxInFlightBytes: 256 * 1024 * 1024,
  /** Reasons in an answer. */
  maxErrors: 10,
  /** Of an Idempotency-Key, in characters. */
  maxIdempotencyKeyLength: 255,
  /** How long an answer is kept for a repeated Idempotency-Key. */
  answerKeptMs: 24 * 3_600_000,
  /** Usage events in a call. */
  maxUsageEvents: 10_000,
  /** Rows of one replay or discard. */
  maxMends: 1_000,
  /** Stream definitions held in memory. */
  maxCachedStreams: 5_000,
} as const

export type IngestLimits = { readonly [K in keyof typeof ingestLimits]: number }
