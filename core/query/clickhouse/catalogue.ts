import { quoteName, quoteText } from '../../storage/quote.ts'
import { functionNames } from '../gate/functions.ts'
import type { Token } from '../gate/lexer.ts'
import { isWord } from './statements.ts'

/** What the catalogue is made for. */
export interface Shown {
  readonly workspace: string
  /** The only streams that there are for the caller; undefined: all of the workspace. */
  readonly streams: readonly string[] | undefined
  readonly seesAudit: boolean
  /** See settings.ts. */
  readonly settings: Readonly<Record<string, string>>
}

const noUuid = `toUUID('00000000-0000-0000-0000-000000000000')`
const noTexts = "CAST([], 'Array(String)')"

/** Columns of each table as expressions, and where they are from. Whoever has row filters learns no counts. */
const tables = {
  'system.databases': {
    name: (shown) => quoteText(shown.workspace),
    engine: `'Atomic'`,
    data_path: `''`,
    metadata_path: `''`,
    uuid: noUuid,
    engine_full: `''`,
    comment: `''`,
  },
  'system.tables': {
    database: (shown) => quoteText(shown.workspace),
    name: 'name',
    uuid: noUuid,
    engine: 'engine',
    is_temporary: 'toUInt8(0)',
    data_paths: noTexts,
    metadata_path: `''`,
    metadata_modification_time: 'metadata_modification_time',
    metadata_version: 'toInt32(0)',
    dependencies_database: noTexts,
    dependencies_table: noTexts,
    create_table_query: `''`,
    engine_full: 'engine',
    as_select: `''`,
    partition_key: 'partition_key',
    sorting_key: 'sorting_key',
    primary_key: 'primary_key',
    sampling_key: `''`,
    storage_policy: `''`,
    total_rows: (shown) => (shown.streams === undefined ? 'total_rows' : "CAST(NULL, 'Nullable(UInt64)')"),
    total_bytes: (shown) => (shown.streams === undefined ? 'total_bytes' : "CAST(NULL, 'Nullable(UInt64)')"),
    parts: "CAST(NULL, 'Nullable(UInt64)')",
    comment: 'comment',
    has_own_data: 'toUInt8(1)',
  },
  'system.columns': {
    database: (shown) => quoteText(shown.workspace),
    table: 'table',
    name: 'name',
    type: 'type',
    position: 'position',
    default_kind: `''`,
    default_expression: `''`,
    data_compressed_bytes: 'toUInt64(0)',
    data_uncompressed_bytes: 'toUInt64(0)',
    marks_bytes: 'toUInt64(0)',
    comment: 'comment',
    is_in_partition_key: 'is_in_partition_key',
    is_in_sorting_key: 'is_in_sorting_key',
    is_in_primary_key: 'is_in_primary_key',
    is_in_sampling_key: 'toUInt8(0)',
    compression_codec: `''`,
    character_octet_length: 'character_octet_length',
    numeric_precision: 'numeric_precision',
    numeric_precision_radix: 'numeric_precision_radix',
    numeric_scale: 'numeric_scale',
    datetime_precision: 'datetime_precision',
  },
  /** What DESCRIBE answers. */
  'system.described': {
    table: 'table',
    position: 'position',
    name: 'name',
    type: 'type',
    default_type: `''`,
    default_expression: `''`,
    comment: 'comment',
    codec_expression: `''`,
    ttl_expression: `''`,
  },
  'system.functions': {
    name: 'name',
    is_aggregate: 'is_aggregate',
    case_insensitive: 'case_insensitive',
    alias_to: 'alias_to',
    create_query: `''`,
    origin: `'System'`,
    description: `''`,
    syntax: `''`,
    arguments: `''`,
    returned_value: `''`,
    examples: `''`,
    categories: `''`,
  },
  'system.settings': {
    name: 'pair.1',
    value: 'pair.2',
    changed: 'toUInt8(0)',
    description: `''`,
    min: "CAST(NULL, 'Nullable(String)')",
    max: "CAST(NULL, 'Nullable(String)')",
    readonly: 'toUInt8(0)',
    type: `'String'`,
    default: 'pair.2',
  },
  'system.one': { dummy: 'dummy' },
  'information_schema.schemata': {
    catalog_name: (shown) => quoteText(shown.workspace),
    schema_name: (shown) => quoteText(shown.workspace),
    schema_owner: `'default'`,
  },
  'information_schema.tables': {
    table_catalog: (shown) => quoteText(shown.workspace),
    table_schema: (shown) => quoteText(shown.workspace),
    table_name: 'name',
    table_type: `'BASE TABLE'`,
    table_comment: 'comment',
  },
  'information_schema.columns': {
    table_catalog: (shown) => quoteText(shown.workspace),
    table_schema: (shown) => quoteText(shown.workspace),
    table_name: 'table',
    column_name: 'name',
    ordinal_position: 'position',
    column_default: `''`,
    is_nullable: `toUInt8(startsWith(type, 'Nullable('))`,
    data_type: 'type',
    character_octet_length: 'character_octet_length',
    numeric_precision: 'numeric_precision',
    numeric_scale: 'numeric_scale',
    datetime_precision: 'datetime_precision',
    column_comment: 'comment',
    column_type: 'type',
  },
} as const satisfies Readonly<Record<string, Columns>>

type Columns = Readonly<Record<string, string | ((shown: Shown) => string)>>
type Name = keyof typeof tables

const names = new Map<string, Name>(
  (Object.keys(tables) as Name[]).map((name) => [`_clickhouse_${name.replace('.', '_')}`, name] as const),
)

export function isCatalogue(database: string): boolean {
  return /^(?:system|information_schema)$/i.test(database)
}

/** A name that no stream can have, for the gate to judge as one; undefined where there is no such table. */
export function catalogueName(database: string, table: string): string | undefined {
  const name = `_clickhouse_${database.toLowerCase()}_${table.toLowerCase()}`
  return names.has(name) ? name : undefined
}

/** Without what is the catalogue's. */
export function withoutCatalogue(streams: ReadonlySet<string>): Set<string> {
  return new Set([...streams].filter((name) => !names.has(name)))
}

/** Puts the catalogue's own SELECTs in the places of its names: only where a table stands, and only after all was judged. */
export function withCatalogue(sql: string, tokens: readonly Token[], shown: Shown): string {
  const pieces: string[] = []
  let from = 0
  for (const [at, token] of tokens.entries()) {
    const name = token.kind === 'word' ? names.get(token.text) : undefined
    const before = tokens[at - 1]
    if (name === undefined || !(isWord(before, 'FROM') || isWord(before, 'JOIN') || before?.text === ',')) continue
    pieces.push(sql.slice(from, token.start), `(${selectOf(name, shown)})`)
    from = token.end
  }
  return pieces.join('') + sql.slice(from)
}

function selectOf(name: Name, shown: Shown): string {
  const columns: Columns = tables[name]
  const list = Object.entries(columns).flatMap(([column, value]) => {
    const expression = typeof value === 'string' ? value : value(shown)
    // The standard's names are asked for in either case.
    const spelled = name.startsWith('information_schema') ? [column, column.toUpperCase()] : [column]
    return spelled.map((one) => `${expression} AS ${quoteName(one)}`)
  })
  return `SELECT ${list.join(', ')} FROM ${sourceOf(name, shown)}`
}

function sourceOf(name: Name, shown: Shown): string {
  switch (name) {
    case 'system.tables':
    case 'information_schema.tables':
      return `(SELECT * FROM system.tables WHERE ${conditionOf('name', shown)})`
    case 'system.columns':
    case 'system.described':
    case 'information_schema.columns':
      return `(SELECT * FROM system.columns WHERE ${conditionOf('table', shown)} AND default_kind != 'MATERIALIZED')`
    case 'system.functions':
      return `(SELECT * FROM system.functions WHERE has([${functionNames.map(quoteText).join(',')}], name))`
    case 'system.settings': {
      const pairs = Object.entries(shown.settings).map((pair) => `(${pair.map(quoteText).join(',')})`)
      return `(SELECT arrayJoin([${pairs.join(',')}]) AS pair)`
    }
    default:
      return 'system.one'
  }
}

/** Streams of the workspace, and of them those that there are for the caller; none of what the system keeps beside them. */
function conditionOf(column: string, { workspace, streams, seesAudit }: Shown): string {
  const conditions = [
    `database = ${quoteText(workspace)}`,
    `match(${column}, '^_?[a-z][a-z0-9_]{0,47}$')`,
    `NOT match(${column}, '^_(?:probe|deleting)_')`,
    ...(seesAudit ? [] : [`${column} != '_audit'`]),
    ...(streams === undefined ? [] : [`has([${streams.map(quoteText).join(',')}]::Array(String), ${column})`]),
  ]
  return conditions.join(' AND ')
}
