import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { Failure } from '#mesh/errors.ts'
import type { Deps } from '../deps.ts'
import type { Predicted, Rows } from '../inference/ladder.ts'
import { maxJsonBytes, parseJson, readBody, textOf } from './body.ts'
import type { AppEnv } from './context.ts'
import { failures, Flag, json, Name, query } from './schemas.ts'
import { checkMayPredict, findArm, predictRows } from './serving.ts'

const Row = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
const Batch = z.strictObject({
  rows: z.array(Row).min(1).max(1_000),
  horizon: z
    .int()
    .min(1)
    .optional()
    .openapi({ description: 'Steps of a forecast: all that it was trained for if absent' }),
})
const Body = z.union([Batch, Row]).openapi('Rows', {
  description:
    'One row as an object of features, or `{"rows": […]}` with up to 1,000 of them. Of a forecast each row names a series',
})
const Explanation = z.object({
  of: z.string().optional().openapi({ description: 'The class whose score it is; scores are log-odds' }),
  base: z.number().openapi({ description: 'The score where nothing is known of the row' }),
  contributions: z
    .record(z.string(), z.number())
    .openapi({ description: 'What each column adds to it; the most telling first' }),
})
const OfRow = z.object({
  prediction: z.union([z.string(), z.number(), z.boolean()]),
  probability: z.number().optional(),
  probabilities: z.record(z.string(), z.number()).optional(),
  distance: z.number().optional().openapi({ description: 'Of a segment, from its centre' }),
  explanation: Explanation.optional(),
})
const OfSeries = z.object({
  forecast: z
    .array(z.object({ time: z.iso.datetime(), prediction: z.number(), lower: z.number(), upper: z.number() }))
    .openapi({ description: 'Step by step, with the interval of 80 %' }),
})
const Shape = z
  .object({
    model: Name,
    version: z.int(),
    predictions: z.array(z.union([OfRow, OfSeries])),
    warnings: z
      .array(
        z.object({
          code: z.string().openapi({ example: 'unknown_label' }),
          feature: z.string(),
          rows: z.int(),
          pointer: z.string(),
        }),
      )
      .optional(),
  })
  .openapi('Predictions')

const predict = createRoute({
  tags: ['models'],
  summary: 'Predict with a model',
  description: 'At the edge where the model fits there, else in the core; `Edgewise-Model` says which.',
  method: 'post',
  path: '/v1/models/{name}/predict',
  request: {
    params: z.object({ name: Name }),
    query: query({
      version: z.coerce.number().int().min(1).max(0x7fff_ffff).optional().openapi({ description: 'Pins a version' }),
      subject: z
        .string()
        .max(200)
        .optional()
        .openapi({ description: 'Whom it is for: while a version is rolled out, the same one gets the same version' }),
      explain: Flag.openapi({ description: 'Say what each column added: exact, for up to 100 rows' }),
    }),
  },
  responses: { 200: json('An answer for each row', Shape), ...failures },
})

export function predicting(app: OpenAPIHono<AppEnv>, deps: Deps): void {
  app.openAPIRegistry.registerPath({
    ...predict,
    request: { ...predict.request, body: { required: true, content: { 'application/json': { schema: Body } } } },
  })
  app.openapi({ ...predict, hide: true }, async (c) => {
    const { name } = c.req.valid('param')
    const { version = 0, explain = false, subject = '' } = c.req.valid('query')
    c.set('resource', name)
    checkMayPredict(c, name)
    const asked = askedIn(parseJson(textOf(await readBody(c.req.raw, maxJsonBytes))))
    const found = await findArm(c, deps, { name, version, subject })
    const { predicted, headers } = await predictRows(c, deps, found, { ...asked, explain })
    return c.json(answerOf(predicted), 200, headers)
  })
}

/** What a body asks: rows, or one row as it is. */
export function askedIn(body: unknown): Omit<Rows, 'explain'> {
  if (typeof body !== 'object' || body === null || !('rows' in body) || !Array.isArray(body.rows)) {
    return { rows: [body], horizon: 0 }
  }
  const { rows, horizon = 0 } = body as { readonly rows: readonly unknown[]; readonly horizon?: unknown }
  const other = Object.keys(body).find((name) => name !== 'rows' && name !== 'horizon')
  if (other !== undefined) {
    throw new Failure('request.invalid', `There is no \`${other.slice(0, 80)}\` beside rows.`, {
      errors: [{ pointer: `/${other.slice(0, 80)}`, reason: 'is not known here' }],
    })
  }
  const isCount = typeof horizon === 'number' && Number.isInteger(horizon) && horizon >= 1 && horizon <= 0xffff_ffff
  if (isCount || !('horizon' in body)) return { rows, horizon: isCount ? horizon : 0 }
  throw new Failure('request.invalid', 'horizon is a whole number of steps from 1.', {
    errors: [{ pointer: '/horizon', reason: 'must be a whole number from 1' }],
  })
}

export function answerOf({ serving, answers, warnings, explanations }: Predicted): z.input<typeof Shape> {
  const said = answers as z.input<typeof Shape>['predictions']
  return {
    model: serving.name,
    version: serving.version,
    predictions:
      explanations === undefined ? said : said.map((answer, at) => ({ ...answer, explanation: explanations[at] })),
    ...(warnings.length > 0 && { warnings: [...warnings] }),
  }
}
