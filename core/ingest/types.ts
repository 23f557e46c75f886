/** A column's type, read from ClickHouse's notation. */
export type ColumnType =
  | { readonly kind: 'Bool' | 'String' | 'UUID' | 'Date' | 'Date32' | 'IPv4' | 'IPv6' }
  | { readonly kind: 'JSON' }
  | { readonly kind: 'Integer'; readonly bits: number; readonly signed: boolean }
  | { readonly kind: 'Float'; readonly bits: 32 | 64 }
  | { readonly kind: 'Decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'FixedString'; readonly bytes: number }
  | { readonly kind: 'DateTime'; readonly timezone: string | undefined }
  | { readonly kind: 'DateTime64'; readonly scale: number; readonly timezone: string | undefined }
  | { readonly kind: 'Enum'; readonly bits: 8 | 16; readonly values: ReadonlyMap<string, number> }
  | { readonly kind: 'LowCardinality' | 'Nullable'; readonly of: ColumnType }
  | { readonly kind: 'Array'; readonly of: ColumnType }
  | { readonly kind: 'Map'; readonly key: ColumnType; readonly of: ColumnType }

/** The type in ClickHouse's notation: what goes into DDL is always made here, never what a client wrote. */
export function typeText(type: ColumnType): string {
  switch (type.kind) {
    case 'Integer':
      return `${type.signed ? '' : 'U'}Int${type.bits}`
    case 'Float':
      return `Float${type.bits}`
    case 'Decimal':
      return `Decimal(${type.precision}, ${type.scale})`
    case 'FixedString':
      return `FixedString(${type.bytes})`
    case 'DateTime':
      return type.timezone === undefined ? 'DateTime' : `DateTime('${type.timezone}')`
    case 'DateTime64':
      return type.timezone === undefined ? `DateTime64(${type.scale})` : `DateTime64(${type.scale}, '${type.timezone}')`
    case 'Enum': {
      const values = [...type.values].map(([name, value]) => `'${name.replaceAll(/['\\]/g, '\\$&')}' = ${value}`)
      return `Enum${type.bits}(${values.join(', ')})`
    }
    case 'LowCardinality':
    case 'Nullable':
    case 'Array':
      return `${type.kind}(${typeText(type.of)})`
    case 'Map':
      return `Map(${typeText(type.key)}, ${typeText(type.of)})`
    default:
      return type.kind
  }
}

/** Whether a column of the type can hold NULL. */
export function isNullable(type: ColumnType): boolean {
  return type.kind === 'Nullable' || (type.kind === 'LowCardinality' && type.of.kind === 'Nullable')
}

/** The type inside Nullable and LowCardinality. */
export function bareType(type: ColumnType): ColumnType {
  return type.kind === 'Nullable' || type.kind === 'LowCardinality' ? bareType(type.of) : type
}
