import * as ort from 'onnxruntime-web'
import { parse } from 'csv-parse/sync'
import { createGraph, type Graph, type Value } from '../../../../core/model/onnx/graph.ts'
import type { CategoryColumn, Column, NumberColumn, Table, TimeColumn } from '../../../../core/model/table.ts'
import type { FeaturePlan } from '../../../../core/model/features/plan.ts'

ort.env.wasm.numThreads = 1

export function numbers(name: string, values: Iterable<number>): NumberColumn {
  return { name, kind: 'number', values: Float64Array.from(values) }
}

/** Null is missing. */
export function texts(name: string, values: readonly (string | null)[]): CategoryColumn {
  const labels = [...new Set(values.filter((value) => value !== null))]
  const codes = new Map(labels.map((label, code) => [label, code]))
  return { name, kind: 'category', codes: Int32Array.from(values, (value) => codes.get(value ?? '\0') ?? -1), labels }
}

export function times(name: string, values: Iterable<number>): TimeColumn {
  return { name, kind: 'time', values: Float64Array.from(values) }
}

export function table(...columns: Column[]): Table {
  const [first] = columns
  if (first === undefined) return { rows: 0, columns }
  return { rows: first.kind === 'category' ? first.codes.length : first.values.length, columns }
}

/** A CSV file, each column a number where all that is not empty is one. */
export function csvTable(file: Buffer): Table {
  const [header = [], ...rows] = parse(file)
  const columns = header.map((name, at) => {
    const cells = rows.map((row) => row[at]!)
    if (cells.some((cell) => cell !== '' && Number.isNaN(Number(cell === ' ' ? 'x' : cell)))) {
      return texts(
        name,
        cells.map((cell) => (cell.trim() === '' ? null : cell)),
      )
    }
    return numbers(
      name,
      cells.map((cell) => (cell === '' ? Number.NaN : Number(cell))),
    )
  })
  return table(...columns)
}

/** A table as what a caller sends to a graph: one tensor for each input of the plan. */
export function feedsOf({ inputs }: FeaturePlan, { rows, columns }: Table): Record<string, ort.Tensor> {
  const feeds = inputs.map(({ name }) => {
    const column = columns.find((known) => known.name === name)!
    if (column.kind === 'number') return [name, new ort.Tensor('float32', new Float32Array(column.values), [rows, 1])]
    if (column.kind === 'time') {
      const ms = BigInt64Array.from(column.values, (value) =>
        Number.isNaN(value) ? -(2n ** 63n) : BigInt(Math.floor(value)),
      )
      return [name, new ort.Tensor('int64', ms, [rows, 1])]
    }
    const labels = Array.from(column.codes, (code) => (code < 0 ? '' : column.labels[code]!))
    return [name, new ort.Tensor('string', labels, [rows, 1])]
  })
  return Object.fromEntries(feeds) as Record<string, ort.Tensor>
}

/** What ONNX Runtime makes of the table in a graph, as rows one after another. */
export async function runGraph(
  plan: FeaturePlan,
  rows: Table,
  columns: number,
  write: (graph: Graph) => Value,
): Promise<Float32Array> {
  const graph = createGraph('features')
  graph.output('x', write(graph), 'float', columns)
  const session = await ort.InferenceSession.create(graph.bytes())
  try {
    const { x } = await session.run(feedsOf(plan, rows))
    return x!.data as Float32Array
  } finally {
    await session.release()
  }
}
