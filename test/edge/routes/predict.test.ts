import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { beforeAll, expect, test } from 'vitest'
import { Failure } from '#mesh/errors.ts'
import { Change_Kind } from '#proto/edgewise/config/v1/config_pb.ts'
import {
  ArtefactChunkSchema,
  type GetServingRequestSchema,
  type PredictRequestSchema,
  PredictResponseSchema,
  ServingSchema,
} from '#proto/edgewise/model/v1/model_pb.ts'
import { treesFile } from '../../support/model-file.ts'
import { createEdge, createFakeCore, problemOf } from '../support.ts'

const files = new Map<string, Uint8Array>()
/** By version, from 1. */
let hashes: readonly string[] = []

beforeAll(async () => {
  hashes = await Promise.all(
    [0, 1, 2].map(async (variant) => {
      const file = treesFile({ trees: 5, depth: 3, variant })
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', file))
      const hash = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
      files.set(hash, file)
      return hash
    }),
  )
})

const fallback = '{"kind":"previous"}'

/** An edge before a core that has models, each of whose versions is one of the files. */
function predicting() {
  const fake = createFakeCore()
  const state = {
    live: 1,
    previous: 0,
    candidate: 0,
    coreOnly: false,
    /** Neither files nor predictions are to be had. */
    broken: false,
    asked: [] as MessageInitShape<typeof GetServingRequestSchema>[],
    loaded: [] as string[],
    predicted: [] as MessageInitShape<typeof PredictRequestSchema>[],
  }
  const servingOf = (version: number) => ({
    name: 'trees',
    version,
    sha256: hashes[version - 1]!,
    coreOnly: state.coreOnly,
    fallback,
  })
  const up = (): void => {
    if (state.broken) throw new Failure('core.unavailable', 'Not now.')
  }
  Object.assign(fake.core, {
    model: {
      async getServing(request: MessageInitShape<typeof GetServingRequestSchema>) {
        state.asked.push(request)
        const { candidate, previous } = state
        return create(ServingSchema, {
          ...servingOf(request.version || state.live),
          ...(previous > 0 && { previous: servingOf(previous) }),
          ...(candidate > 0 && { candidate: { serving: servingOf(candidate), rollout: 'rol_1', percent: 0 } }),
        })
      },
      async *getArtefact({ sha256 = '' }) {
        state.loaded.push(sha256)
        up()
        yield create(ArtefactChunkSchema, { bytes: files.get(sha256)! })
      },
      async predict(request: MessageInitShape<typeof PredictRequestSchema>) {
        state.predicted.push(request)
        up()
        return create(PredictResponseSchema, { answers: request.rows!.map(() => '{"prediction":"core"}') })
      },
    },
  })
  // In real time: what is late is left to the next step.
  const edge = createEdge({ fake, sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) })
  const key = fake.key({ scopes: ['models:predict'] })
  const send = (body: string, query = '', by = key) =>
    edge.get(
      `/v1/models/trees/predict${query}`,
      by,
      { 'content-length': String(body.length) },
      { method: 'POST', body },
    )
  return {
    edge,
    fake,
    state,
    send,
    changed() {
      fake.changed(Change_Kind.MODEL, 'trees')
      edge.advance(6)
    },
    /** Whoever comes next, whatever for, hears of the change. */
    async hear() {
      await edge.get('/v1/endpoints/none', key)
      await edge.settled()
    },
  }
}

/** Of the caller's plan. */
function remaining(response: Response): number {
  return Number(/r=(\d+)/.exec(response.headers.get('ratelimit') ?? '')?.[1])
}

test('whoever comes again, by the short way, is answered as by the long one', async () => {
  const { edge, fake, send } = predicting()
  const body = '{"rows":[{"f0":0.5},{"f0":2}]}'
  const [first, again] = [await send(body), await send(body)]
  expect([first.status, again.status]).toEqual([200, 200])
  expect(await again.json()).toEqual(await first.json())
  const headers = ({ headers: all }: Response) =>
    [...all].filter(([name]) => name !== 'x-request-id' && name !== 'ratelimit')
  expect(headers(again)).toEqual(headers(first))
  expect(again.headers.get('edgewise-model')).toBe(`trees@1; placement=edge; sha256=${hashes[0]}`)
  expect(again.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'))
  expect(remaining(again)).toBe(remaining(first) - 1)
  await edge.settled()
  const used = ({ resource, status, cost }: (typeof fake.state.usage)[number]) => ({ resource, status, cost })
  expect(fake.state.usage.map(used)).toEqual([1, 2].map(() => ({ resource: 'trees', status: 200, cost: 1 })))
})

test('what is wrong is said as by the long way, and charged once', async () => {
  const { send } = predicting()
  await send('{"f0":0.5}')
  let left = remaining(await send('{"f0":0.5}'))
  for (const body of [
    'nonsense',
    '{"rows":[]}',
    '{"rows":[{"g0":1}]}',
    '{"rows":[{}],"other":1}',
    '{"rows":[{}],"horizon":0}',
  ]) {
    const long = await send(body, '?subject=a')
    const short = await send(body)
    expect([body, short.status]).toEqual([body, 400])
    const { code, errors } = await problemOf(long)
    expect(await problemOf(short)).toMatchObject({ code, ...(errors && { errors }) })
    expect(remaining(short)).toBe(left - 2)
    left = remaining(short)
  }
})

test('a hundred rows cost what a request does, and what is not there is not given', async () => {
  const { fake, send } = predicting()
  const rows = JSON.stringify({ rows: Array.from({ length: 250 }, () => ({ f0: 0.5 })) })
  await send(rows)
  const before = remaining(await send('{"f0":0.5}'))
  const many = await send(rows)
  expect([many.headers.get('edgewise-cost'), remaining(many)]).toEqual(['3', before - 3])
  const poor = fake.key({ scopes: ['models:predict'], plan: { name: 'poor', requests: 4, windowSeconds: 60 } })
  expect((await send('{"f0":0.5}', '', poor)).status).toBe(200)
  expect((await send('{"f0":0.5}', '', poor)).status).toBe(200)
  const refused = await send(rows, '', poor)
  expect([refused.status, await problemOf(refused)]).toMatchObject([429, { code: 'limit.rate' }])
})

test('a key predicts with what its scopes name', async () => {
  const { fake, send } = predicting()
  const other = fake.key({ scopes: ['models:predict:other'] })
  await send('{"f0":0.5}')
  for (let time = 0; time < 2; time++) expect((await send('{"f0":0.5}', '', other)).status).toBe(403)
})

test('a version that takes the place of one that is here is here before it is asked for', async () => {
  const { state, send, changed, hear } = predicting()
  await send('{"f0":0.5}')
  Object.assign(state, { live: 2, candidate: 3 })
  changed()
  await hear()
  expect(state.loaded).toEqual([hashes[0], hashes[1], hashes[2]])
  expect(state.asked.at(-1)).toMatchObject({ workspace: 'main', name: 'trees', version: 0 })
  const asked = state.asked.length
  expect(await (await send('{"f0":0.5}')).json()).toMatchObject({ version: 2 })
  expect([state.asked.length, state.loaded.length]).toEqual([asked, 3])
})

test('what changed while a body was on its way holds for it', async () => {
  const { edge, fake, state, send, changed, hear } = predicting()
  await send('{"f0":0.5}')
  const key = fake.key({ scopes: ['models:predict'] })
  await send('{"f0":0.5}', '', key)
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const init = { method: 'POST', body: readable, duplex: 'half' } as RequestInit
  const answer = edge.get('/v1/models/trees/predict', key, { 'content-length': '10' }, init)
  Object.assign(state, { live: 2 })
  changed()
  await hear()
  await writer.write(new TextEncoder().encode('{"f0":0.5}'))
  await writer.close()
  expect(await (await answer).json()).toMatchObject({ version: 2 })
})

test('a version of a model that is not here is not loaded before it is asked for', async () => {
  const { state, send, changed, hear } = predicting()
  state.coreOnly = true
  await send('{"f0":0.5}')
  Object.assign(state, { live: 2, coreOnly: false })
  changed()
  await hear()
  expect([state.asked.length, state.loaded]).toEqual([1, []])
})

test('where neither edge nor core can run the live version, the one before answers, and says so', async () => {
  const { edge, state, send, changed } = predicting()
  await send('{"f0":0.5}')
  Object.assign(state, { live: 2, previous: 1, broken: true })
  changed()
  const instead = await send('{"f0":0.5}')
  expect(await instead.json()).toMatchObject({ version: 1 })
  expect(instead.headers.get('edgewise-model')).toBe(`trees@1; placement=edge; sha256=${hashes[0]}; fallback=previous`)
  expect(instead.headers.get('edgewise-fallback')).toBe('previous')
  // Rows are wrong on every step.
  const wrong = await send('{"g0":0.5}')
  expect([wrong.status, (await problemOf(wrong)).code]).toEqual([503, 'model.unavailable'])
  state.broken = false
  edge.advance(5)
  const mended = await send('{"f0":0.5}')
  expect(mended.headers.get('edgewise-model')).toBe(`trees@2; placement=edge; sha256=${hashes[1]}`)
})

test('a forecast is the core’s: the steps that are asked for go with the rows', async () => {
  const { state, send } = predicting()
  state.coreOnly = true
  const answer = await send('{"rows":[{"shop":"south"}],"horizon":3}')
  expect(answer.headers.get('edgewise-model')).toMatch(/placement=core/)
  expect(state.predicted).toMatchObject([{ rows: ['{"shop":"south"}'], horizon: 3 }])
})
