import { currentViewSql } from './current.ts'
import { columnSql, hiddenSql, shardByPlace } from './ddl.ts'
import { type MaskedColumn, maskedViewSql } from './masked.ts'
import { quoteName } from '../storage/quote.ts'
import type { Layout } from '../storage/warehouse.ts'

/**
 * Columns of the system's own streams that may hold personal data: of a refused row nothing is known, and the reason may
 * quote it; of what a model is asked with and for whom neither; a series may be a person's; a document may say anything.
 */
export const systemPii: ReadonlyMap<string, readonly string[]> = new Map([
  ['_quarantine', ['reason', 'text']],
  ['_predictions', ['subject', 'features']],
  ['_alarms', ['series']],
  ['_document_changes', ['document']],
  ['_documents', ['document']],
])

/** The system's own streams that are written as others are: the audit log is not. */
export const systemStreams = [
  '_quarantine',
  '_requests',
  '_predictions',
  '_alarms',
  '_product_changes',
  '_item_changes',
  '_document_changes',
] as const

export type SystemStream = (typeof systemStreams)[number]

interface SystemTable {
  /** Types by name. */
  readonly columns: Readonly<Record<string, string>>
  /** Of the columns, those that tables made by earlier versions lack. */
  readonly later?: readonly string[]
  readonly engine: string
  readonly clauses: string
  /** As the log has them, where nothing is said. */
  readonly shardBy?: string
  /** Its rows are versions of something: the view of what each of these is now. */
  readonly current?: { readonly name: string; readonly key: readonly string[] }
}

/** What every change of the catalogue has, beside the entry's id and fields. */
const changed = { version: 'UInt32', deleted: 'Bool', created_at: 'DateTime64(3)' }

const systemTables: Readonly<Record<string, SystemTable>> = {
  /** Keeps the newest version of each row. */
  _quarantine: {
    columns: {
      id: 'String',
      stream: 'LowCardinality(String)',
      time: 'DateTime64(3)',
      column: 'String',
      reason: 'String',
      text: 'String',
      state: 'LowCardinality(String)',
      version: 'UInt64',
    },
    engine: 'ReplacingMergeTree(version)',
    clauses: 'ORDER BY (stream, id)',
    // Versions of one row are told apart where it is.
    shardBy: 'cityHash64(id)',
  },
  _requests: {
    columns: {
      time: 'DateTime64(3)',
      request_id: 'String',
      method: 'LowCardinality(String)',
      route: 'LowCardinality(String)',
      resource: 'String',
      status: 'UInt16',
      duration_ms: 'Float64',
      actor: 'String',
      cache: 'LowCardinality(String)',
      request_bytes: 'UInt64',
      response_bytes: 'UInt64',
      cost: 'UInt32',
      rows_read: 'UInt64',
      bytes_read: 'UInt64',
      events: 'UInt64',
      version: 'UInt32',
    },
    later: ['rows_read', 'bytes_read', 'events', 'version'],
    engine: 'MergeTree',
    clauses: 'PARTITION BY toYYYYMM(time) ORDER BY time TTL toDateTime(time) + INTERVAL 90 DAY',
  },
  /** What models answered, with what they were asked, and what the shadow of a version says of the same. */
  _predictions: {
    columns: {
      time: 'DateTime64(3)',
      request_id: 'String',
      row: 'UInt16',
      subject: 'String',
      model: 'LowCardinality(String)',
      version: 'UInt32',
      arm: 'LowCardinality(String)',
      placement: 'LowCardinality(String)',
      features: 'Map(String, String)',
      prediction: 'String',
      probability: 'Nullable(Float64)',
      shadow_version: 'UInt32',
      shadow_prediction: 'String',
      shadow_probability: 'Nullable(Float64)',
      shadow_us: 'Nullable(Float64)',
      live_us: 'Nullable(Float64)',
      shadow_error: 'LowCardinality(String)',
    },
    engine: 'MergeTree',
    clauses: 'PARTITION BY toYYYYMM(time) ORDER BY (model, time) TTL toDateTime(time) + INTERVAL 90 DAY',
  },
  /** By when it was noticed: the points themselves may be of any time. */
  _alarms: {
    columns: {
      time: 'DateTime64(3)',
      model: 'LowCardinality(String)',
      version: 'UInt32',
      series: 'Map(String, String)',
      value: 'Float64',
      expected: 'Float64',
      low: 'Float64',
      high: 'Float64',
      score: 'Float64',
      noticed_at: 'DateTime64(3)',
    },
    engine: 'MergeTree',
    clauses: 'PARTITION BY toYYYYMM(noticed_at) ORDER BY (model, time) TTL toDateTime(noticed_at) + INTERVAL 365 DAY',
  },
  /** For good: what each entry is now is made of them. */
  _product_changes: {
    columns: {
      time: 'DateTime64(3)',
      sku: 'String',
      ...changed,
      name: 'String',
      price: 'Nullable(Decimal(18, 6))',
      currency: 'LowCardinality(String)',
      category: 'LowCardinality(String)',
      attributes: 'Map(String, String)',
    },
    engine: 'MergeTree',
    clauses: 'ORDER BY (sku, version)',
    current: { name: '_products', key: ['sku'] },
  },
  _item_changes: {
    columns: {
      time: 'DateTime64(3)',
      id: 'String',
      ...changed,
      title: 'String',
      tags: 'Array(String)',
      categories: 'Array(String)',
      attributes: 'Map(String, String)',
    },
    engine: 'MergeTree',
    clauses: 'ORDER BY (id, version)',
    current: { name: '_items', key: ['id'] },
  },
  _document_changes: {
    columns: {
      time: 'DateTime64(3)',
      collection: 'LowCardinality(String)',
      id: 'String',
      ...changed,
      document: 'String',
    },
    engine: 'MergeTree',
    clauses: 'ORDER BY (collection, id, version)',
    current: { name: '_documents', key: ['collection', 'id'] },
  },
  _audit: {
    columns: {
      time: 'DateTime64(3)',
      seq: 'UInt64',
      actor: 'String',
      action: 'LowCardinality(String)',
      resource: 'String',
      outcome: 'LowCardinality(String)',
      code: 'LowCardinality(String)',
      detail: 'String',
      request_id: 'String',
      hash: 'String',
    },
    engine: 'MergeTree',
    clauses: 'ORDER BY seq',
  },
}

/** The statements that make the system's own tables, each with its masked view. */
export function systemTablesSql(layout: Layout, workspace: string): readonly string[] {
  return Object.entries(systemTables).flatMap(([name, made]) => {
    const { columns, later = [], engine, clauses, shardBy = shardByPlace, current } = made
    const list: MaskedColumn[] = Object.entries(columns).map(([column, type]) => ({
      name: column,
      type,
      pii: systemPii.get(name)?.includes(column) ?? false,
    }))
    return [
      ...layout.createTable({
        database: workspace,
        table: name,
        ifNotExists: true,
        columns: [...list.map(columnSql), hiddenSql].join(', '),
        engine,
        clauses,
        shardBy,
      }),
      ...later.flatMap((column) =>
        layout.alterTable(workspace, name, `ADD COLUMN IF NOT EXISTS ${quoteName(column)} ${columns[column]}`),
      ),
      // A view has the columns of the day that it was made.
      maskedViewSql(
        workspace,
        name,
        list,
        layout.onCluster,
        later.length > 0 ? 'CREATE OR REPLACE VIEW' : 'CREATE VIEW IF NOT EXISTS',
      ),
      ...(current === undefined ? [] : currentViewSql(workspace, name, list, current, layout.onCluster)),
    ]
  })
}
