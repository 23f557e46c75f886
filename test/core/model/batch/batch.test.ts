import { describe, expect, test } from 'vitest'
import { openModel } from '#mesh/inference/model.ts'
import { openOrt } from '#mesh/inference/ort.ts'
import { createBatch, openBlockModel } from '../../../../core/model/batch/batch.ts'
import type { BatchPlan } from '../../../../core/model/batch/message.ts'
import { mixedFile } from '../../../support/model-file.ts'
import { nativeBlock } from '../../../support/native.ts'
import { createRandom } from '../../../../core/model/random.ts'

const random = createRandom(3)
const missingTime = -(2n ** 63n)
/** More than go into one call of the model. */
const rows = Array.from({ length: 5_000 }, (_, id) => ({
  id,
  plan: ['free', 'größer', 'pro', 'unheard of', '', ' ', 'pro\0f'][Math.floor(random() * 7)]!,
  tenure: random() < 0.1 ? null : Math.fround(random()),
  joined: random() < 0.1 ? null : Date.UTC(2020) + Math.floor(random() * 1e11),
}))
const ort = await openOrt()
const other = await openModel(mixedFile(), async () => ort)
/** What is said of rows of JSON, of which a call takes a thousand. */
const said = Array.from({ length: 5 }, (_, part) => rows.slice(part * 1_000, (part + 1) * 1_000)).flatMap(
  (some) => other.predict(some.map(({ plan, tenure, joined }) => ({ plan, tenure, joined }))).answers,
)
const model = await openBlockModel(mixedFile(), async () => ort)

const columns = [
  { name: 'id', type: 'UInt32' },
  { name: 'churned', type: 'String' },
  { name: 'probability', type: 'Float64' },
]
const how: BatchPlan = {
  format: 'JSONEachRow',
  columns,
  hasOwn: true,
  added: [
    { name: 'churned', output: 'prediction' },
    { name: 'probability', output: 'probability' },
  ],
  maxBlockBytes: 1e8,
}

function blockOf(some: typeof rows, own: (row: (typeof rows)[number]) => string): Buffer {
  return nativeBlock([
    { type: 'String', values: some.map(own) },
    { type: 'LowCardinality(String)', values: some.map(({ plan: label }) => label) },
    { type: 'Float32', values: some.map(({ tenure }) => tenure ?? Number.NaN) },
    { type: 'Int64', values: some.map(({ joined }) => (joined === null ? missingTime : BigInt(joined))) },
  ])
}

function textOf(asked: BatchPlan, blocks: readonly Buffer[]): string {
  const batch = createBatch(model, asked)
  return Buffer.concat([...blocks.flatMap((block) => batch.push(block)), ...batch.end()]).toString()
}

describe('rows of a SELECT', () => {
  test('are answered as rows of JSON are, whatever is missing in them', () => {
    const lines = textOf(how, [
      blockOf(rows.slice(0, 4_500), ({ id }) => `{"id":${id}}\n`),
      blockOf(rows.slice(4_500), ({ id }) => `{"id":${id}}\n`),
    ])
    const expected = rows.map(({ id }, at) => {
      const { prediction, probability } = said[at]!
      return JSON.stringify({ id, churned: prediction, probability })
    })
    expect(lines.split('\n')).toEqual([...expected, ''])
  })

  test('keep what they end with, and may be none', () => {
    const two = rows.slice(0, 2)
    const nested = textOf(how, [blockOf(two, () => '{"id":{"a":{"b":1}}}\n')])
    expect(nested.split('\n').map((line) => line !== '' && (JSON.parse(line) as { id: unknown }).id)).toEqual([
      { a: { b: 1 } },
      { a: { b: 1 } },
      false,
    ])
    const whole = JSON.parse(textOf({ ...how, format: 'JSON' }, [blockOf(two, () => '{"id":1}\n')])) as object
    const data = said.slice(0, 2).map(({ prediction, probability }) => ({ id: 1, churned: prediction, probability }))
    expect(whole).toEqual({ meta: columns, data, rows: 2 })
    expect(JSON.parse(textOf({ ...how, format: 'JSON' }, []))).toEqual({ meta: columns, data: [], rows: 0 })
    expect(textOf({ ...how, format: 'CSVWithNames' }, [])).toBe('"id","churned","probability"\n')
    expect(textOf({ ...how, format: 'CSVWithNames' }, [blockOf(two, () => '1,"a\nb"\n')])).toBe(
      `"id","churned","probability"\n${data.map(({ churned, probability }) => `1,"a\nb","${churned}",${probability}\n`).join('')}`,
    )
  })

  test('need not be there beside what the model says', () => {
    const only = { ...how, hasOwn: false, columns: columns.slice(1) }
    const two = rows.slice(0, 2)
    const lines = textOf(only, [blockOf(two, () => '')])
    expect(lines).toBe(
      said
        .slice(0, 2)
        .map(({ prediction, probability }) => `${JSON.stringify({ churned: prediction, probability })}\n`)
        .join(''),
    )
    const csv = textOf({ ...only, format: 'CSVWithNames' }, [blockOf(two, () => '')])
    expect(csv.split('\n')[1]).toBe(`"${said[0]!.prediction}",${said[0]!.probability}`)
  })

  test('larger than a piece come out whole', () => {
    const wide = 'ö'.repeat(400_000)
    const lines = textOf(how, [blockOf(rows.slice(0, 3), ({ id }) => `{"id":${id},"wide":"${wide}"}\n`)]).split('\n')
    expect(lines.map((line) => line !== '' && (JSON.parse(line) as { wide: string }).wide === wide)).toEqual([
      true,
      true,
      true,
      false,
    ])
  })
})
