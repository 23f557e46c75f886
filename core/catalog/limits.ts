/** The bounds of the catalogue. Everything past one of them is an error that names it. */
export const catalogLimits = {
  /** Of a product's or an item's fields as JSON. */
  maxFieldsBytes: 65_536,
  /** Of a document as JSON: as an event it has to fit into a row. */
  maxDocumentBytes: 1_000_000,
  /** How deep a document may nest. */
  maxDepth: 32,
  /** Entries of an import, and their bytes. */
  maxImportEntries: 1_000,
  maxImportBytes: 8 * 1024 * 1024,
  /** A page that has so many bytes ends, and they are read from the store so many at a time. */
  maxPageBytes: 4_000_000,
  maxChunkBytes: 4_000_000,
  /** Of what a search looks in, of each entry; what is further is not found. */
  maxWordsLength: 8_192,
  maxSearchLength: 200,
  maxSearchWords: 8,
  /** Changes that are sent at once. */
  outboxBatch: 64,
  /** How long whoever sends them has, before another does. */
  leaseMs: 5_000,
  /** How often the outbox is looked into where nobody says that there is something. */
  pollMs: 1_000,
} as const

export type CatalogLimits = { readonly [K in keyof typeof catalogLimits]: number }
