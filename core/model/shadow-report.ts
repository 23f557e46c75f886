import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import { quoteText } from '../storage/quote.ts'
import { type Answer, answerOf } from './answer.ts'
import type { ModelDeps } from './deps.ts'
import { getModel } from './names.ts'
import { listRollouts, type RolloutRow } from './store.ts'

const maxRollouts = 1_000
const maxShown = 5

/** How far a version in the shadow is from the live one, by the rows that both answered: the last one of a model. */
export async function shadowReport(
  { db, reading }: Pick<ModelDeps, 'db' | 'reading'>,
  ctx: Context,
  name: string,
): Promise<Answer> {
  const { workspace } = ctx.actor
  await getModel(db, workspace, name)
  const rollout = (await listRollouts(db, workspace, name, maxRollouts)).find(({ shadow }) => shadow !== null)
  if (rollout === undefined) throw noShadow(name)
  const from = rowsOf(rollout)
  const [sums = {}] = await readJson(reading, ctx, `SELECT ${columns} ${from}`, sumsOf)
  const furthest = `SELECT ${columns} ${from} AND shadow_error = '' AND distance > 0 ORDER BY distance DESC LIMIT ${maxShown}`
  const shown = await readJson(reading, ctx, furthest, expressions.map(nameOf))
  const properties: Readonly<Record<string, unknown>> = {
    version: rollout.version,
    base: rollout.base,
    status: rollout.status,
    share: rollout.shadow,
    since: rollout.createdAt.toISOString(),
    until: rollout.endedAt?.toISOString(),
    ...sums,
    ...Object.fromEntries(shown.map((row, at) => [`furthest_${at + 1}`, described(row)])),
  }
  const rows = Object.entries(properties)
    .filter(([, value]) => value !== undefined && value !== null && value !== '')
    .map(([property, value]) => ({ property, value: String(value) }))
  return answerOf({ property: 'String', value: 'String' }, rows)
}

/** The rows that were compared. They are read as whoever asks may read them. */
function rowsOf({ model, version, base, createdAt, endedAt }: RolloutRow): string {
  const conditions = [
    `model = ${quoteText(model)}`,
    `version = ${base}`,
    `shadow_version = ${version}`,
    `time >= fromUnixTimestamp64Milli(toInt64(${createdAt.getTime()}))`,
    ...(endedAt === null ? [] : [`time <= fromUnixTimestamp64Milli(toInt64(${endedAt.getTime()}))`]),
  ]
  return `FROM _predictions WHERE ${conditions.join(' AND ')}`
}

/** A number that was predicted is compared as one; of a label its probability is; a segment is the same or another. */
const number = 'if(isNull(probability), toFloat64OrNull(prediction), NULL) AS number'
const otherNumber = 'if(isNull(probability), toFloat64OrNull(shadow_prediction), NULL) AS other_number'
const distance =
  'coalesce(abs(number - other_number), abs(shadow_probability - probability), toFloat64(prediction != shadow_prediction)) AS distance'
const expressions = [
  'request_id',
  'row',
  'prediction',
  'shadow_prediction',
  'probability',
  'shadow_probability',
  'live_us',
  'shadow_us',
  'shadow_error',
  number,
  otherNumber,
  distance,
]
const columns = expressions.join(', ')

const isCompared = "shadow_error = ''"
const sumsOf = [
  `countIf(${isCompared}) AS rows_compared`,
  "countIf(shadow_error != '') AS rows_failed",
  "topKIf(1)(shadow_error, shadow_error != '')[1] AS most_failed_with",
  `avgIf(prediction = shadow_prediction, ${isCompared} AND isNull(number)) AS same_label`,
  `avgIf(abs(number - other_number), ${isCompared}) AS mean_absolute_difference`,
  `quantileExactIf(0.99)(abs(number - other_number), ${isCompared}) AS p99_absolute_difference`,
  `avgIf(shadow_probability - probability, ${isCompared}) AS mean_probability_difference`,
  `quantileExactIf(0.99)(abs(shadow_probability - probability), ${isCompared}) AS p99_probability_difference`,
  `corrIf(coalesce(probability, number, nan), coalesce(shadow_probability, other_number, nan), ${isCompared}) AS correlation`,
  `quantileExactIf(0.5)(live_us, ${isCompared}) AS live_p50_us`,
  `quantileExactIf(0.99)(live_us, ${isCompared}) AS live_p99_us`,
  `quantileExactIf(0.5)(shadow_us, ${isCompared}) AS shadow_p50_us`,
  `quantileExactIf(0.99)(shadow_us, ${isCompared}) AS shadow_p99_us`,
]

function nameOf(column: string): string {
  return column.split(' AS ').at(-1)!
}

function described(row: Readonly<Record<string, unknown>>): string {
  const said = (prediction: unknown, probability: unknown): string =>
    typeof probability === 'number' ? `${String(prediction)} (${probability.toFixed(3)})` : String(prediction)
  const live = said(row['prediction'], row['probability'])
  const shadow = said(row['shadow_prediction'], row['shadow_probability'])
  return `request ${String(row['request_id'])} row ${String(row['row'])}: ${live}, in the shadow ${shadow}`
}

/** Expressions over the rows of a SELECT, as objects. For few rows. */
async function readJson(
  reading: ModelDeps['reading'],
  ctx: Context,
  sql: string,
  selected: readonly string[],
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const select = `formatRow('JSONEachRow', ${selected.join(', ')})`
  const { body } = await reading.readRows(ctx, { sql, select, format: 'RowBinary', maxRows: Infinity, seed: 0 })
  const pieces: Uint8Array[] = []
  for await (const piece of body) pieces.push(piece)
  return textsOf(Buffer.concat(pieces)).map((text) => JSON.parse(text) as Readonly<Record<string, unknown>>)
}

/** Strings of RowBinary: a length in LEB128, then as many bytes. */
function textsOf(bytes: Buffer): readonly string[] {
  const texts: string[] = []
  for (let at = 0; at < bytes.length;) {
    let length = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!
      length |= (byte & 127) << shift
      if (byte < 128) break
    }
    texts.push(bytes.toString('utf8', at, at + length))
    at += length
  }
  return texts
}

function noShadow(name: string): Failure {
  return new Failure('resource.not_found', `No version of \`${name}\` was ever in the shadow of another.`, {
    hint: `CREATE ROLLOUT FOR MODEL ${name} VERSION <version> SHADOW 0.1 scores a tenth of the rows with it as well.`,
  })
}
