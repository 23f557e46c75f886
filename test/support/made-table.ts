import type { Table } from '../../core/model/table.ts'
import { createRandom } from '../../core/model/random.ts'

interface MadeTable {
  readonly table: Table
  /** Standard normal, one of each row. */
  readonly noise: Float64Array
  /** What adds up to a target. */
  readonly sums: Float64Array
  /** Of two columns of which neither says anything alone. */
  readonly products: Float64Array
}

/** Raw rows that a seed makes up: numbers, texts and times, of each some missing. */
export function madeTable(rows: number, seed: number): MadeTable {
  const random = createRandom(seed)
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const column = (of: () => number): Float64Array => Float64Array.from({ length: rows }, of)
  const sometimes = (value: number): number => (random() < 0.05 ? Number.NaN : value)
  const [a, b, c] = [column(normal), column(normal), column(() => sometimes(normal()))]
  const plan = Int32Array.from({ length: rows }, () => Math.floor(random() * 4) - (random() < 0.2 ? 1 : 0))
  const start = Date.UTC(2025, 0, 1)
  const since = column(() => sometimes(start + Math.floor(random() * 400 * 86_400_000)))
  const worth = [-1, -0.5, 0.5, 1]
  return {
    table: {
      rows,
      columns: [
        { name: 'a', kind: 'number', values: a },
        { name: 'b', kind: 'number', values: b },
        { name: 'c', kind: 'number', values: c },
        { name: 'plan', kind: 'category', codes: plan, labels: ['free', 'größer', 'team', 'x'] },
        { name: 'since', kind: 'time', values: since },
      ],
    },
    noise: column(normal),
    sums: a.map((value, row) => value - b[row]! / 2 + (worth[plan[row]!] ?? 0)),
    products: a.map((value, row) => Math.sign(value * b[row]!)),
  }
}

/** With one more column. */
export function withNumbers({ rows, columns }: Table, name: string, values: Float64Array): Table {
  return { rows, columns: [...columns, { name, kind: 'number', values }] }
}
