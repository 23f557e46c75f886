import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Hono } from 'hono'
import { metadataOf, platform, rowsOf, serverMetadata, tensorsOf } from '#mesh/inference/open-inference.ts'
import type { Signature } from '#proto/edgewise/model/v1/signature_pb.ts'
import { asCaller } from '../core.ts'
import type { Deps } from '../deps.ts'
import { binaryAnswer, binaryOutputs, inputsOf, splitBody } from './binary-tensors.ts'
import { maxJsonBytes, parseJson, readBody, textOf } from './body.ts'
import { type AppContext, type AppEnv, backgroundOf, callerOf } from './context.ts'
import { invalid } from './problems.ts'
import { failures, json, Name, query } from './schemas.ts'
import { type Arm, checkMayPredict, findArm, predictRows } from './serving.ts'

/** The Open Inference Protocol, so that clients of KServe and Triton work. https://github.com/open-inference/open-inference-protocol */

const Tensor = z.object({
  name: z.string().max(300),
  datatype: z.string().max(10).openapi({ example: 'FP32' }),
  shape: z.array(z.int().min(0).max(1_000_000)).min(1).max(8),
  parameters: z
    .looseObject({
      binary_data_size: z
        .int()
        .min(0)
        .optional()
        .openapi({ description: 'Its bytes behind the JSON, in place of data' }),
    })
    .optional(),
  data: z.array(z.unknown()).optional(),
})
const Infer = z
  .object({
    id: z.string().max(200).optional(),
    parameters: z.looseObject({ binary_data_output: z.boolean().optional() }).optional(),
    inputs: z.array(Tensor).min(1).max(1_000),
    outputs: z
      .array(
        z.object({
          name: z.string().max(300),
          parameters: z.looseObject({ binary_data: z.boolean().optional() }).optional(),
        }),
      )
      .max(10)
      .optional(),
  })
  .openapi('InferRequest')
const Inferred = z
  .object({
    model_name: z.string(),
    model_version: z.string(),
    id: z.string().optional(),
    outputs: z.array(
      z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.int()), data: z.array(z.unknown()) }),
    ),
  })
  .openapi('InferResponse')
const Metadata = z
  .object({
    name: z.string(),
    versions: z.array(z.string()),
    platform: z.string(),
    inputs: z.array(z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.int()) })),
    outputs: z.array(z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.int()) })),
  })
  .openapi('ModelMetadata')
const inferred200 = {
  description: 'Tensors',
  content: {
    'application/json': { schema: Inferred },
    'application/octet-stream': { schema: z.string().openapi({ format: 'binary' }) },
  },
} as const
const Ready = z.object({ name: z.string(), ready: z.boolean() })

const tags = ['models']
const ofModel = z.object({ name: Name })
const ofVersion = z.object({ name: Name, version: z.coerce.number().int().min(1).max(0x7fff_ffff) })

function routesUnder<P extends string, S extends z.ZodObject>(path: P, params: S) {
  return {
    metadata: createRoute({
      tags,
      summary: 'What a model takes and gives (Open Inference Protocol)',
      method: 'get',
      path,
      request: { params, query: query({}) },
      responses: { 200: json('Its inputs and outputs', Metadata), ...failures },
    }),
    ready: createRoute({
      tags,
      summary: 'Whether a model can predict (Open Inference Protocol)',
      method: 'get',
      path: `${path}/ready`,
      request: { params, query: query({}) },
      responses: { 200: json('It can', Ready), ...failures },
    }),
    infer: createRoute({
      tags,
      summary: 'Predict (Open Inference Protocol)',
      description:
        'Tensors as JSON, or in binary behind it: Triton’s binary tensor data extension, which Inference-Header-Content-Length begins.',
      method: 'post',
      path: `${path}/infer`,
      request: { params, query: query({}) },
      responses: { 200: inferred200, ...failures },
    }),
  }
}

/** What is asked without a credential. */
export function inferenceHealth(app: Hono<AppEnv>, { feed }: Deps): void {
  app.get('/v2/health/live', (c) => c.json({ live: true }))
  app.get('/v2/health/ready', async (c) => {
    const ready = await feed.settle(backgroundOf(c))
    return c.json({ ready }, ready ? 200 : 503)
  })
  app.get('/v2', (c) => c.json(serverMetadata))
}

export function inferenceProtocol(app: OpenAPIHono<AppEnv>, deps: Deps): void {
  const found = (c: AppContext, name: string, version = 0) => servingOf(c, deps, name, version)
  for (const { metadata, ready, infer } of [
    routesUnder('/v2/models/{name}', ofModel),
    routesUnder('/v2/models/{name}/versions/{version}', ofVersion),
  ]) {
    const which = (c: AppContext): { name: string; version?: number } => {
      const { name, version } = c.req.valid('param' as never) as { name: string; version?: number }
      c.set('resource', name)
      return { name, ...(version !== undefined && { version }) }
    }
    app.openapi(metadata, async (c) => {
      const { name, version } = which(c)
      const { serving, signature } = await found(c, name, version)
      const about = { name, versions: [String(serving.version)], platform, ...metadataOf(signature) }
      return c.json(about, 200)
    })
    app.openapi(ready, async (c) => {
      const { name, version } = which(c)
      await found(c, name, version)
      return c.json({ name, ready: true }, 200)
    })
    app.openAPIRegistry.registerPath({
      ...infer,
      request: { ...infer.request, body: { required: true, content: { 'application/json': { schema: Infer } } } },
    })
    app.openapi({ ...infer, hide: true }, async (c) => {
      const { name, version } = which(c)
      return inferred(c, deps, await found(c, name, version))
    })
  }
}

interface Found extends Arm {
  readonly signature: Signature
}

async function inferred(c: AppContext, deps: Deps, { signature, ...arm }: Found): Promise<Response> {
  const { json: text, bytes } = splitBody(await readBody(c.req.raw, maxJsonBytes), c.req.raw.headers)
  const parsed = Infer.safeParse(parseJson(textOf(text)))
  if (!parsed.success) throw invalid('json', parsed.error.issues)
  const { id, inputs, outputs: wanted, parameters } = parsed.data
  const rows = rowsOf(inputsOf(inputs, bytes), signature)
  const { predicted, headers } = await predictRows(c, deps, arm, { rows, explain: false, horizon: 0 })
  const about = {
    model_name: arm.serving.name,
    model_version: String(predicted.serving.version),
    ...(id !== undefined && { id }),
  }
  const outputs = tensorsOf(predicted.answers, signature, wanted)
  const isBinary = binaryOutputs(wanted, parameters?.binary_data_output)
  if (outputs.some(({ name }) => isBinary(name))) return binaryAnswer(about, outputs, isBinary, headers)
  return c.json({ ...about, outputs }, 200, headers)
}

/** Which file predicts, and what it takes: from the file itself where it is here, else by the core's word. */
async function servingOf(c: AppContext, deps: Deps, name: string, version: number): Promise<Found> {
  checkMayPredict(c, name)
  const arm = await findArm(c, deps, { name, version })
  const { serving } = arm
  const { models, core } = deps
  const caller = callerOf(c)
  if (serving.coreOnly) {
    const signature = await core.model.getSignature({ name, version: serving.version }, asCaller(caller))
    return { ...arm, signature }
  }
  const passenger = { signal: caller.signal, background: backgroundOf(c) }
  return { ...arm, signature: await models.use(serving.sha256, passenger, ({ signature }) => signature) }
}
