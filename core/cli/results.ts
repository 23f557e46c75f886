import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Result, Row } from '#mesh/client/index.ts'
import { table, type Terminal } from './terminal.ts'

export const resultFormats = ['table', 'json', 'ndjson', 'csv', 'parquet', 'arrow'] as const
export type ResultFormat = (typeof resultFormats)[number]

type StreamFormat = 'csv' | 'parquet' | 'arrow'

/** The ways to get the same answer. */
export interface Answering {
  result(int64: 'number' | 'string'): Promise<Result>
  rows(): AsyncIterable<Row>
  bytes(format: StreamFormat): Promise<ReadableStream<Uint8Array>>
}

interface Flags {
  readonly format?: ResultFormat
  readonly json?: boolean
  readonly output?: string
}

/** A result on stdout or in a file: as a table for people unless another format was asked for. */
export async function printResult(
  terminal: Terminal,
  { format, json, output }: Flags,
  answering: Answering,
): Promise<void> {
  const chosen = format ?? (json ? 'json' : output === undefined ? 'table' : (formatOf(output) ?? 'json'))
  if (output === undefined) {
    for await (const chunk of chunksOf(chosen, answering, terminal)) await terminal.out(chunk)
    return
  }
  await pipeline(Readable.from(chunksOf(chosen, answering, terminal)), createWriteStream(output))
  terminal.note(`Written to ${output} as ${chosen}.`)
}

async function* chunksOf(
  format: ResultFormat,
  answering: Answering,
  terminal: Terminal,
): AsyncGenerator<string | Uint8Array> {
  switch (format) {
    case 'table': {
      const { meta, data, rows, statistics } = await answering.result('string')
      const columns = meta.map(({ name }) => name)
      yield `${table(
        columns,
        data.map((row) => columns.map((column) => row[column])),
      )}\n`
      const cost =
        statistics === undefined ? '' : ` · ${statistics.rows_read} read · ${(statistics.elapsed * 1000).toFixed(1)} ms`
      terminal.note(`${rows} ${rows === 1 ? 'row' : 'rows'}${cost}`)
      return
    }
    case 'json': {
      const { provenance, ...result } = await answering.result('number')
      yield `${JSON.stringify({ ...result, provenance }, null, 2)}\n`
      return
    }
    case 'ndjson':
      for await (const row of answering.rows()) yield `${JSON.stringify(row)}\n`
      return
    case 'csv':
    case 'parquet':
    case 'arrow':
      yield* await answering.bytes(format)
  }
}

function formatOf(path: string): ResultFormat | undefined {
  const extension = path.slice(path.lastIndexOf('.') + 1)
  return resultFormats.find((format) => format === extension)
}
