import type { ServedRow } from '#mesh/inference/served-log.ts'

/** A row with what is in its texts. */
export interface Asked {
  readonly row: ServedRow
  readonly features: Readonly<Record<string, unknown>>
  readonly answer: { readonly prediction?: string | number | boolean | null; readonly probability?: unknown }
}

/** What a version in the shadow says of a row that the live one has answered. */
export interface Compared {
  readonly version: number
  /** Empty where it failed. */
  readonly prediction: string
  /** That it gives the label that was answered. */
  readonly probability?: number
  /** How long it took, and how long the live one takes here for the same: microseconds a row, in one call of several. */
  readonly us?: number
  readonly liveUs?: number
  /** The code of what went wrong; empty where nothing did. */
  readonly error: string
}

const nameShape = /^[a-z][a-z0-9_]{0,47}$/
const maxTextLength = 200

/** Undefined where an edge sends what no edge would. */
export function asAsked(row: ServedRow): Asked | undefined {
  if (!nameShape.test(row.workspace) || !nameShape.test(row.model)) return undefined
  try {
    const [features, answer] = [JSON.parse(row.features) as unknown, JSON.parse(row.answer) as unknown]
    if (typeof features !== 'object' || features === null) return undefined
    // A forecast's steps are none.
    if (typeof answer !== 'object' || answer === null || !('prediction' in answer)) return undefined
    return { row, features: features as Asked['features'], answer: answer as Asked['answer'] }
  } catch {
    return undefined
  }
}

/** A row of `_predictions`. */
export function textOf({ row, features, answer }: Asked, compared: Compared | undefined): string {
  const text = (value: string): string => value.slice(0, maxTextLength).toWellFormed()
  return JSON.stringify({
    time: new Date(Math.min(Number(row.timeMs), 8.64e15)).toISOString(),
    request_id: text(row.requestId),
    row: Math.min(row.row, 65_535),
    subject: text(row.subject),
    model: row.model,
    version: row.version,
    arm: text(row.arm),
    placement: text(row.placement),
    features: textsOf(features),
    prediction: predictionOf(answer),
    probability: typeof answer.probability === 'number' ? answer.probability : null,
    ...(compared && {
      shadow_version: compared.version,
      shadow_prediction: compared.prediction.toWellFormed(),
      shadow_probability: compared.probability ?? null,
      shadow_us: compared.us ?? null,
      live_us: compared.liveUs ?? null,
      shadow_error: compared.error,
    }),
  })
}

/** As they were given; what was missing is not there. */
function textsOf(features: Asked['features']): Readonly<Record<string, string>> {
  const given = Object.entries(features).filter(([, value]) => value !== null)
  return Object.fromEntries(given.map(([name, value]) => [name.toWellFormed(), plainText(value).toWellFormed()]))
}

/** A text as it is; all else as JSON has it, since an object may have no text of its own. */
function plainText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** A number or a label as text; JSON has no number that is none. */
export function predictionOf({ prediction }: Asked['answer']): string {
  return prediction === null || prediction === undefined ? 'nan' : plainText(prediction).toWellFormed()
}
