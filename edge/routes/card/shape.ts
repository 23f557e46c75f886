import { z } from '@hono/zod-openapi'

/** A model card as the core writes it, as far as the page shows it. What is not known here is not shown. */

/** JSON has no NaN. */
const number = z.number().nullable()
const metrics = z.record(z.string(), z.number())
const parameters = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))

const common = {
  rows: z.object({ used: z.number(), dropped: z.number() }),
  notes: z.array(z.object({ column: z.string(), finding: z.string(), action: z.string() })).default([]),
  sample: z.object({ total: z.number(), share: z.number(), sha256: z.string().optional() }).optional(),
  seed: z.number().optional(),
  limits: z.array(z.string()).default([]),
  lineage: z
    .object({
      query: z.string(),
      parent: z.number().nullable(),
      code: z.string(),
      options: z.record(z.string(), z.unknown()),
      description: z.string().optional(),
      license: z.string().optional(),
      tags: z.array(z.string()).optional(),
    })
    .optional(),
}

const slice = z.object({ column: z.string(), condition: z.string(), rows: z.number(), value: number })
const bin = z.object({ from: z.number(), to: z.number(), rows: z.number(), said: z.number(), came: z.number() })

const Prediction = z.object({
  ...common,
  task: z.enum(['classification', 'regression']),
  target: z.string(),
  labels: z.array(z.string()),
  inputs: z.array(z.string()),
  metric: z.string(),
  tried: z.array(z.object({ name: z.string(), mean: number, sd: number, parameters })),
  chosen: z.string(),
  parameters,
  beatsBaseline: z.boolean(),
  holdout: z.object({
    rows: z.number(),
    split: z.string(),
    metrics,
    baseline: z.object({ says: z.string(), metrics }),
    calibration: z.object({ expectedError: z.number(), bins: z.array(bin) }).optional(),
    slices: z.array(slice),
    importance: z.array(z.object({ column: z.string(), loss: z.number() })),
  }),
})

const Segments = z.object({
  ...common,
  task: z.literal('segments'),
  inputs: z.array(z.string()),
  segments: z.array(z.object({ name: z.string(), rows: z.number() })),
  silhouette: z.number(),
  tried: z.array(z.object({ k: z.number(), silhouette: z.number() })),
})

const ofSeries = {
  ...common,
  target: z.string(),
  time: z.string(),
  by: z.array(z.string()),
  count: z.number(),
  left: z.array(z.object({ key: z.string(), reason: z.string() })),
}
const key = z.array(z.string())

const Forecast = z.object({
  ...ofSeries,
  task: z.literal('forecast'),
  horizon: z.number(),
  series: z.array(
    z.object({
      series: key,
      points: z.number(),
      seasons: z.array(z.number()),
      methods: z.array(z.string()),
      mase: number.optional(),
      baseline_mase: number.optional(),
      origins: z.number().optional(),
      coverage: z.object({ of80: z.number(), of95: z.number() }).optional(),
      tried: z.array(z.object({ method: z.string(), mase: number, rmse: number })).default([]),
    }),
  ),
  drawings: z
    .array(
      z.object({
        series: key,
        past: z.array(z.tuple([z.number(), number])),
        ahead: z.array(z.array(z.number()).length(6)),
      }),
    )
    .default([]),
})

const Anomaly = z.object({
  ...ofSeries,
  task: z.literal('anomaly'),
  rate: z.number(),
  series: z.array(z.object({ series: key, seasons: z.array(z.number()), alarms: z.number() })),
  alarms: z
    .array(
      z.object({
        series: key,
        begin: z.string(),
        end: z.string(),
        value: z.number(),
        expected: z.number(),
        score: z.number(),
        points: z.number(),
      }),
    )
    .default([]),
  drawings: z
    .array(
      z.object({
        series: key,
        past: z.array(z.tuple([z.number(), z.number(), z.number()])),
        alarms: z.array(z.tuple([z.number(), z.number()])),
      }),
    )
    .default([]),
})

export const Card = z.discriminatedUnion('task', [Prediction, Segments, Forecast, Anomaly])

export type Card = z.output<typeof Card>
export type PredictionCard = z.output<typeof Prediction>
export type SegmentsCard = z.output<typeof Segments>
export type ForecastCard = z.output<typeof Forecast>
export type AnomalyCard = z.output<typeof Anomaly>
