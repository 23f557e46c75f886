import { z } from 'zod'
import { leftSchema, seasonsSchema, stepSchema } from '../forecast/artefact.ts'
import type { AnomalyModel } from './train.ts'

const alarm = z.strictObject({
  fromMs: z.number(),
  toMs: z.number(),
  peakMs: z.number(),
  value: z.number(),
  expected: z.number(),
  score: z.number(),
  points: z.int().positive(),
})

const series = z.strictObject({
  key: z.string(),
  startMs: z.number(),
  step: stepSchema,
  seasons: seasonsSchema,
  level: z.number(),
  factors: z.array(z.number()).min(1),
  scales: z.array(z.number().positive()).min(1),
  leastScale: z.number().positive(),
  threshold: z.number().positive(),
  coolDown: z.int().positive(),
  last: z.int(),
  anomalous: z.int().nullable(),
  run: z.strictObject({ points: z.int().min(0), sum: z.number() }),
  history: z.array(alarm),
})

const schema = z.strictObject({
  kind: z.literal('anomaly'),
  rate: z.number().positive(),
  series: z.array(series),
  left: leftSchema,
})

/** Throws where the bytes are no anomaly model that this version wrote. Written as a forecast is, by `writeArtefact`. */
export function readAnomaly(bytes: Uint8Array): AnomalyModel {
  return schema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)))
}
