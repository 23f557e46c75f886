import { hash } from 'node:crypto'
import { z } from 'zod'
import type { ForecastModel } from './train.ts'

const method = z.enum([
  'naive',
  'seasonal naive',
  'exponential smoothing',
  'Holt',
  'damped trend',
  'Theta',
  'Holt–Winters, added',
  'Holt–Winters, multiplied',
  'double season',
])

const tried = z.strictObject({
  method: z.union([method, z.literal('mean of the best three')]),
  mase: z.number(),
  rmse: z.number(),
})

const shares = z.strictObject({ of80: z.number(), of95: z.number() })

const state = z.strictObject({
  level: z.number(),
  trend: z.number(),
  damping: z.number(),
  seasons: z.array(z.strictObject({ kind: z.enum(['add', 'multiply']), factors: z.array(z.number()).min(1) })),
  echo: z.strictObject({ weight: z.number(), value: z.number() }),
})

/** What both kinds of series' artefacts have. */
export const stepSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ms'), ms: z.number().positive() }),
  z.strictObject({ kind: z.literal('months'), months: z.int().positive(), day: z.int().min(1).max(31) }),
])
export const leftSchema = z.array(z.strictObject({ key: z.string(), reason: z.string() }))
export const seasonsSchema = z.array(z.int().positive())

const series = z.strictObject({
  key: z.string(),
  points: z.int().positive(),
  missing: z.int().min(0),
  seasons: seasonsSchema,
  endMs: z.number(),
  step: stepSchema,
  least: z.literal(0).exactOptional(),
  parts: z.array(z.strictObject({ method, state })).min(1),
  radius: z.strictObject({ of80: z.array(z.number().min(0)), of95: z.array(z.number().min(0)) }),
  measured: z
    .strictObject({
      origins: z.int(),
      horizon: z.int(),
      chosen: tried,
      baseline: tried,
      tried: z.array(tried),
      coverage: shares.exactOptional(),
    })
    .exactOptional(),
})

const schema = z
  .strictObject({
    kind: z.literal('forecast'),
    horizon: z.int().positive(),
    series: z.array(series),
    left: leftSchema,
  })
  .refine(
    ({ horizon, series }) =>
      series.every(({ radius: { of80, of95 } }) => of80.length === horizon && of95.length === horizon),
    'an interval for each step',
  )

export interface Artefact {
  readonly bytes: Uint8Array
  /** In hexadecimal, of the bytes. */
  readonly sha256: string
}

/** A model as the object store keeps it: JSON in UTF-8. The same model gives the same bytes. */
export function writeArtefact(model: object): Artefact {
  const bytes = new TextEncoder().encode(JSON.stringify(model))
  return { bytes, sha256: hash('sha256', bytes) }
}

/** Throws where the bytes are no forecast that this version wrote: that is damage, never a caller's mistake. */
export function readForecast(bytes: Uint8Array): ForecastModel {
  return schema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)))
}
