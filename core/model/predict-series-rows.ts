import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import { readAnomaly } from './anomaly/artefact.ts'
import { numberOf } from './batch/cells.ts'
import { type Added, answered, chosenOf, type Column, inputOf, writtenBy } from './batch/columns.ts'
import type { RowsFormat } from './batch/message.ts'
import { type Block, createBlockReader, type NativeColumn } from './batch/native.ts'
import { createRowWriter } from './batch/row-writer.ts'
import type { ModelDeps } from './deps.ts'
import { parseNumber } from './features/numeric-text.ts'
import { readingOf } from './features/reading.ts'
import { readArtefact, type ServedVersion } from './serve.ts'
import { keyOf, keyText, numberColumn, timeColumn } from './series/groups.ts'
import { createRowJudge, type Judged } from './series/judge-rows.ts'
import type { PredictRows } from './statements/model-read.ts'
import type { Column as TableColumn } from './table.ts'

export interface PredictedRows {
  readonly served: ServedVersion
  readonly body: AsyncIterable<Uint8Array>
}

const offered: readonly Added<keyof Judged>[] = [
  { name: 'anomaly', type: 'Nullable(Bool)', output: 'anomaly' },
  { name: 'alarm', type: 'Nullable(Bool)', output: 'alarm' },
  { name: 'score', type: 'Nullable(Float64)', output: 'score' },
  { name: 'expected', type: 'Nullable(Float64)', output: 'expected' },
  { name: 'low', type: 'Nullable(Float64)', output: 'low' },
  { name: 'high', type: 'Nullable(Float64)', output: 'high' },
]

/**
 * `SELECT t.*, m.anomaly, m.score FROM (SELECT … ORDER BY time) AS t JOIN model AS m`: the rows stream past the model, which
 * follows every series through them and says of each row what it was: see `createRowJudge`.
 */
export async function predictSeriesRows(
  deps: Pick<ModelDeps, 'objects' | 'reading' | 'limits'>,
  ctx: Context,
  served: ServedVersion,
  { model, from, outputs }: PredictRows,
  format: RowsFormat,
): Promise<PredictedRows> {
  const { target = '', orderBy = '', groupBy = [] } = served.version.definition
  const columns = await deps.reading.describeSql(ctx, from.sql)
  const { own, added } = chosenOf(columns, offered, outputs, model.name)
  const key = groupBy.map((name) => readOf(inputOf(columns, name)))
  const inputs = [timeColumn(readOf(inputOf(columns, orderBy))), numberColumn(readOf(inputOf(columns, target))), ...key]
  const { body } = await deps.reading.readRows(ctx, {
    sql: from.sql,
    select: [writtenBy(format, own), ...inputs.map(({ sql }) => sql)].join(', '),
    format: 'Native',
    maxRows: Infinity,
    seed: 0,
  })
  const judge = createRowJudge(readAnomaly(await readArtefact(deps, served.version.sha256)))
  const writer = createRowWriter({ format, columns: answered(own, added), hasOwn: own.length > 0, added })
  const reader = createBlockReader({ maxBytes: deps.limits.maxBlockBytes })

  async function* written(): AsyncGenerator<Uint8Array> {
    for await (const bytes of body) {
      for (const block of reader.push(bytes)) {
        const judged = judgedOf(block, key, judge)
        const rows = block.columns[0] as Extract<NativeColumn, { kind: 'text' }>
        const cells = added.map(
          ({ output }) =>
            (row: number) =>
              cellOf(format, judged[row]![output]),
        )
        writer.write(rows, 0, block.rows, cells)
        yield* writer.take()
        // Others of this process have their turn.
        await new Promise(setImmediate)
      }
    }
    reader.end()
    writer.end()
    yield* writer.take()
  }
  return { served, body: written() }
}

interface Input {
  readonly name: string
  readonly kind: TableColumn['kind']
  readonly sql: string
}

/** As training reads it; numbers and times by their bits, since Native is read here without Float64. */
function readOf(column: Column): Input {
  const { columns, select } = readingOf([column])
  const [read] = columns
  if (read === undefined) {
    throw new Failure('request.invalid', `\`${column.name}\` is of type ${column.type}, which no series is made of.`, {
      hint: 'Select a part of it.',
    })
  }
  return { ...read, sql: `${read.kind === 'category' ? 'toLowCardinality' : 'reinterpretAsInt64'}(${select})` }
}

function judgedOf(
  { rows, columns }: Block,
  key: readonly Input[],
  judge: ReturnType<typeof createRowJudge>,
): readonly Judged[] {
  const [time, value, ...others] = columns.slice(1).map(readerOf)
  return Array.from({ length: rows }, (_, row) => {
    const said = value!(row)
    const found = typeof said === 'number' ? said : parseNumber(said)
    const texts = others.map((of, at) => keyText(key[at]!.kind, of(row)))
    return judge(keyOf(texts), Math.floor(Number(time!(row))), found)
  })
}

function readerOf(column: NativeColumn): (row: number) => number | string {
  if (column.kind === 'label') return (row) => column.labels[column.codes[row]!]!
  const values = new Float64Array((column as Extract<NativeColumn, { kind: 'int64' }>).values.buffer)
  return (row) => values[row]!
}

function cellOf(format: RowsFormat, value: boolean | number | null): string {
  return typeof value === 'boolean' ? String(value) : numberOf(format, value ?? Number.NaN)
}
