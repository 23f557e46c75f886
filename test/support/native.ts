/** A column of a block, as the engine would send it. */
export type MadeColumn =
  | { readonly type: 'Float32'; readonly values: readonly number[] }
  | { readonly type: 'Int64'; readonly values: readonly bigint[] }
  | { readonly type: 'String' | 'LowCardinality(String)'; readonly values: readonly string[] }

/** A block of ClickHouse's Native format: https://clickhouse.com/docs/interfaces/formats/Native. */
export function nativeBlock(columns: readonly MadeColumn[]): Buffer {
  const rows = columns[0]?.values.length ?? 0
  const parts = columns.flatMap((column, at) => [
    textOf(`c${at}`),
    textOf(column.type),
    ...(rows > 0 ? [contentOf(column)] : []),
  ])
  return Buffer.concat([lengthOf(columns.length), lengthOf(rows), ...parts])
}

function contentOf(column: MadeColumn): Buffer {
  switch (column.type) {
    case 'Float32':
      return Buffer.from(Float32Array.from(column.values).buffer)
    case 'Int64':
      return Buffer.from(BigInt64Array.from(column.values).buffer)
    case 'String':
      return Buffer.concat(column.values.map(textOf))
    default: {
      const labels = [...new Set(['', ...column.values])]
      const head = Buffer.from(BigUint64Array.of(1n, 0x600n, BigInt(labels.length)).buffer)
      const codes = Buffer.from(column.values.map((value) => labels.indexOf(value)))
      const count = Buffer.from(BigUint64Array.of(BigInt(codes.length)).buffer)
      return Buffer.concat([head, ...labels.map(textOf), count, codes])
    }
  }
}

function textOf(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([lengthOf(bytes.length), bytes])
}

/** LEB128. */
function lengthOf(value: number): Buffer {
  const bytes: number[] = []
  for (let left = value; ; left = Math.floor(left / 128)) {
    bytes.push(left < 128 ? left : 128 + (left % 128))
    if (left < 128) return Buffer.from(bytes)
  }
}
