import { fileURLToPath } from 'node:url'
import {
  type Client,
  credentials,
  makeClientConstructor,
  Metadata,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectGrpc } from '#mesh/rpc/node/client.ts'
import { Format, QueryService } from '#proto/edgewise/query/v1/query_pb.ts'
import { customers } from '../support/customers.ts'
import { type Product, startProduct } from '../support/product.ts'
import { ask, must, newKey, trained } from './ask.ts'

let product: Product
let stranger: string

beforeAll(async () => {
  product = await startProduct()
  await must(product, '/v1/events/customers?wait=true', { body: customers(2_000) })
  await trained(product, 'CREATE MODEL leaves FROM (SELECT * EXCEPT (id) FROM customers) PREDICT left')
  const made = await must<{ key: { key: string } }>(product, '/v1/workspaces', { json: { name: 'stranger' } })
  stranger = made.json.key.key
}, 90_000)
afterAll(() => product?.stop())

const rows = [
  { tenure: 2, contract: 'monthly', charge: 20.5 },
  { tenure: 50, contract: 'yearly', charge: 30 },
  { tenure: null, contract: '', charge: 40 },
]
const floats = (values: readonly (number | null)[]) =>
  Buffer.from(Float32Array.from(values, (value) => value ?? Number.NaN).buffer)
const doubles = (values: readonly number[]) => Buffer.from(Float64Array.from(values).buffer)
const texts = (values: readonly string[]) =>
  Buffer.concat(
    values.map((value) => {
      const length = Buffer.alloc(4)
      length.writeUInt32LE(Buffer.byteLength(value))
      return Buffer.concat([length, Buffer.from(value)])
    }),
  )
/** The columns of the rows as others write them, and what they are. */
const columns = [
  { name: 'tenure', datatype: 'FP32', raw: floats(rows.map(({ tenure }) => tenure)) },
  { name: 'contract', datatype: 'BYTES', raw: texts(rows.map(({ contract }) => contract)) },
  { name: 'charge', datatype: 'FP64', raw: doubles(rows.map(({ charge }) => charge)) },
]

interface Said {
  readonly predictions: readonly {
    readonly prediction: string
    readonly probabilities: Readonly<Record<string, number>>
  }[]
}

/** What the gateway's own route says of the rows. */
async function wanted() {
  const { json } = await must<Said>(product, '/v1/models/leaves/predict', { json: { rows } })
  return {
    prediction: json.predictions.map(({ prediction }) => prediction),
    probabilities: json.predictions.flatMap(({ probabilities }) => [probabilities['no'], probabilities['yes']]),
  }
}

describe('tensors in binary', () => {
  const inputs = columns.map(({ name, datatype, raw }) => ({
    name,
    datatype,
    shape: [3, 1],
    parameters: { binary_data_size: raw.length },
  }))

  async function infer(request: object, tail: Buffer, headers: Readonly<Record<string, string>> = {}) {
    const json = Buffer.from(JSON.stringify(request))
    const response = await fetch(`${product.url}/v2/models/leaves/infer`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${product.key}`,
        'inference-header-content-length': String(json.length),
        ...headers,
      },
      body: Buffer.concat([json, tail]),
    })
    const body = Buffer.from(await response.arrayBuffer())
    const length = Number(response.headers.get('inference-header-content-length') ?? body.length)
    return {
      status: response.status,
      headers: response.headers,
      json: JSON.parse(body.subarray(0, length).toString()) as {
        readonly outputs: readonly { readonly name: string; readonly data?: readonly unknown[] }[]
        readonly errors?: readonly unknown[]
        readonly error?: string
      },
      tail: body.subarray(length),
    }
  }
  const all = Buffer.concat(columns.map(({ raw }) => raw))

  test('are read, and answered where that is asked for', async () => {
    const { prediction, probabilities } = await wanted()
    const answer = await infer({ id: 'mine', inputs, parameters: { binary_data_output: true } }, all)
    expect(answer.headers.get('content-type')).toBe('application/octet-stream')
    expect(answer.headers.get('edgewise-model')).toMatch(/^leaves@1; placement=edge; sha256=[\da-f]{64}$/)
    const said = texts(prediction)
    expect(answer.json).toEqual({
      model_name: 'leaves',
      model_version: '1',
      id: 'mine',
      outputs: [
        { name: 'prediction', datatype: 'BYTES', shape: [3, 1], parameters: { binary_data_size: said.length } },
        { name: 'probabilities', datatype: 'FP32', shape: [3, 2], parameters: { binary_data_size: 24 } },
      ],
    })
    expect(answer.tail).toEqual(Buffer.concat([said, floats(probabilities as number[])]))

    const mixed = await infer(
      {
        inputs,
        parameters: { binary_data_output: true },
        outputs: [{ name: 'prediction', parameters: { binary_data: false } }, { name: 'probabilities' }],
      },
      all,
    )
    expect(mixed.json.outputs).toMatchObject([
      { name: 'prediction', data: prediction },
      { name: 'probabilities', parameters: { binary_data_size: 24 } },
    ])
    const plain = await infer({ inputs }, all)
    expect(plain.headers.get('content-type')).toBe('application/json')
    expect(plain.json.outputs[1]?.data).toEqual(probabilities)
  })

  test('may stand beside tensors in JSON', async () => {
    const [tenure] = inputs
    const contract = { name: 'contract', datatype: 'BYTES', shape: [3], data: rows.map((row) => row.contract) }
    const charge = { name: 'charge', datatype: 'FP64', shape: [3], data: rows.map((row) => row.charge) }
    const answer = await infer({ inputs: [contract, tenure, charge] }, columns[0]!.raw)
    expect(answer.json.outputs[0]?.data).toEqual((await wanted()).prediction)
  })

  test('are refused by their place where a byte is too few or too many', async () => {
    const sized = (at: number, size: number) =>
      inputs.map((input, index) => (index === at ? { ...input, parameters: { binary_data_size: size } } : input))
    const cases: [object, Buffer, string, Record<string, string>?][] = [
      [{ inputs }, all.subarray(1), '/inputs/2/parameters/binary_data_size'],
      [{ inputs }, Buffer.concat([all, Buffer.alloc(1)]), 'body'],
      [{ inputs: sized(0, 8) }, all.subarray(4), '/inputs/0/data'],
      [{ inputs: sized(1, 2 ** 40) }, all, '/inputs/1/parameters/binary_data_size'],
      [{ inputs: sized(1, -1) }, all, '/inputs/1/parameters/binary_data_size'],
      [{ inputs: [{ name: 'tenure', datatype: 'FP32', shape: [1, 1] }] }, Buffer.alloc(0), '/inputs/0/data'],
      [{ inputs: [{ ...inputs[0], data: [1, 2, 3] }] }, columns[0]!.raw, '/inputs/0/data'],
      [{ inputs }, all, '', { 'inference-header-content-length': '5' }],
    ]
    for (const length of ['0', '-1', '1e3', '9999999', 'x']) {
      cases.push([{ inputs }, all, 'Inference-Header-Content-Length', { 'inference-header-content-length': length }])
    }
    for (const [request, tail, pointer, headers] of cases) {
      const answer = await infer(request, tail, headers)
      expect([answer.status, answer.json.errors]).toEqual([400, [expect.objectContaining({ pointer })]])
      // Where clients of the protocol look.
      expect(answer.json.error).toEqual(expect.any(String))
    }
    expect((await infer({ inputs }, all, { 'content-encoding': 'gzip' })).status).toBe(415)
    expect((await infer({ inputs }, Buffer.alloc(2 << 20))).status).toBe(413)
  })
})

type Stub = Client &
  Record<
    string,
    (
      request: object,
      metadata: Metadata,
      done: (error: ServiceError | null, answer: unknown) => void,
    ) => { once(event: 'status', take: (status: { metadata: Metadata }) => void): void }
  >

/** A call as any user of grpc-js makes it: of the .proto file, with a key in the metadata. `model`: of the trailers. */
async function callBy<T>(file: string, service: string, method: string, request: object, key: string | null) {
  const includeDirs = [fileURLToPath(new URL('../../proto', import.meta.url))]
  const definition = loadSync(file, { keepCase: true, longs: String, includeDirs })[service] as ServiceDefinition
  const stub = new (makeClientConstructor(definition, service))(
    product.core.grpc,
    credentials.createInsecure(),
  ) as unknown as Stub
  const metadata = new Metadata()
  if (key !== null) metadata.set('authorization', `Bearer ${key}`)
  const answered = Promise.withResolvers<{ readonly error: ServiceError | null; readonly answer: unknown }>()
  const ended = Promise.withResolvers<Metadata>()
  stub[method]!(request, metadata, (error, answer) => answered.resolve({ error, answer })).once('status', (status) =>
    ended.resolve(status.metadata),
  )
  const { error, answer } = await answered.promise
  const model = (await ended.promise).get('edgewise-model')[0]
  stub.close()
  return { code: error?.code ?? 0, details: error?.details ?? '', answer: answer as T, model }
}

describe('a grpc-js client made of the protocol', () => {
  interface Tensor {
    readonly name: string
    readonly datatype: string
    readonly shape: readonly string[]
    readonly contents: { readonly bytes_contents: readonly Buffer[]; readonly fp32_contents: readonly number[] } | null
  }
  interface Inferred {
    readonly model_name: string
    readonly model_version: string
    readonly id: string
    readonly outputs: readonly Tensor[]
    readonly raw_output_contents: readonly Buffer[]
  }

  const call = <T>(method: string, request: object, key: string | null = product.key) =>
    callBy<T>('inference/inference.proto', 'inference.GRPCInferenceService', method, request, key)

  const raw = {
    model_name: 'leaves',
    id: 'mine',
    inputs: columns.map(({ name, datatype }) => ({ name, datatype, shape: [3, 1] })),
    raw_input_contents: columns.map((column) => column.raw),
  }
  const typed = {
    model_name: 'leaves',
    model_version: '1',
    inputs: [
      { name: 'tenure', datatype: 'FP32', shape: [3, 1], contents: { fp32_contents: [2, 50, Number.NaN] } },
      {
        name: 'contract',
        datatype: 'BYTES',
        shape: [3, 1],
        contents: { bytes_contents: rows.map((row) => Buffer.from(row.contract)) },
      },
      { name: 'charge', datatype: 'FP64', shape: [3], contents: { fp64_contents: rows.map((row) => row.charge) } },
    ],
    outputs: [{ name: 'probabilities' }, { name: 'prediction' }],
  }

  test('asks after health without a credential, and after a model with one', async () => {
    expect((await call('ServerLive', {}, null)).answer).toEqual({ live: true })
    expect((await call('ServerReady', {}, null)).answer).toEqual({ ready: true })
    expect((await call('ServerMetadata', {}, null)).answer).toMatchObject({ name: 'edgewise' })
    expect((await call('ModelReady', { name: 'leaves' }, null)).code).toBe(16)
    expect((await call('ModelReady', { name: 'leaves' })).answer).toEqual({ ready: true })
    expect((await call('ModelReady', { name: 'leaves', version: '9' })).code).toBe(5)
    const { json } = await must(product, '/v2/models/leaves')
    const { answer } = await call<{ inputs: Tensor[]; outputs: Tensor[] }>('ModelMetadata', { name: 'leaves' })
    const plain = (tensor: Tensor) => ({ ...tensor, shape: tensor.shape.map(Number) })
    expect({ ...answer, inputs: answer.inputs.map(plain), outputs: answer.outputs.map(plain) }).toEqual(json)
  })

  test('predicts with raw tensors and with typed ones as the gateway does, and is told what answered', async () => {
    const { prediction, probabilities } = await wanted()
    const inRaw = await call<Inferred>('ModelInfer', raw)
    expect(inRaw.answer).toMatchObject({ model_name: 'leaves', model_version: '1', id: 'mine' })
    expect(inRaw.answer.outputs.map(({ name, shape }) => [name, ...shape])).toEqual([
      ['prediction', '3', '1'],
      ['probabilities', '3', '2'],
    ])
    expect(inRaw.answer.raw_output_contents).toEqual([texts(prediction), floats(probabilities as number[])])
    expect(inRaw.model).toMatch(/^leaves@1; placement=core; sha256=[\da-f]{64}$/)
    const inTypes = await call<Inferred>('ModelInfer', typed)
    expect(inTypes.answer.raw_output_contents ?? []).toEqual([])
    const [said, chances] = inTypes.answer.outputs
    expect(said?.contents?.bytes_contents.map(String)).toEqual(prediction)
    expect(chances?.contents?.fp32_contents).toEqual(probabilities)
  })

  test('is refused with the place where tensors do not fit', async () => {
    for (const [request, code, details] of [
      [{ ...raw, model_name: 'leave' }, 5, 'no model'],
      [{ ...raw, model_name: '' }, 5, 'no model'],
      [{ ...raw, model_name: 'a\0b' }, 3, 'NUL'],
      [{ ...raw, model_version: 'x' }, 3, 'version'],
      [{ ...raw, model_version: '99999999999' }, 3, 'version'],
      [{ ...raw, raw_input_contents: raw.raw_input_contents.slice(1) }, 3, 'raw'],
      [{ ...raw, inputs: typed.inputs }, 3, 'raw'],
      [{ ...raw, inputs: [], raw_input_contents: [] }, 3, '/inputs must not be empty'],
      [
        { ...raw, raw_input_contents: raw.raw_input_contents.map((bytes) => bytes.subarray(1)) },
        3,
        '/inputs/0/data has 11 bytes',
      ],
      [{ ...raw, inputs: raw.inputs.map((input) => ({ ...input, shape: [-3, 1] })) }, 3, '/inputs/0/shape'],
      [
        { ...typed, inputs: typed.inputs.map((input) => ({ ...input, contents: null })) },
        3,
        '/inputs/0/data has 0 elements',
      ],
      [{ ...typed, outputs: [{ name: 'nothing' }] }, 3, 'output'],
    ] as const) {
      const answer = await call('ModelInfer', request)
      expect([answer.code, answer.details]).toEqual([code, expect.stringContaining(details)])
    }
  })

  test('needs models:predict, of this model or of all, and is of its own workspace', async () => {
    const of = async (scopes: readonly string[]) => (await newKey(product, { scopes })).key
    expect((await call('ModelInfer', raw, await of(['models:predict:leaves']))).code).toBe(0)
    for (const method of ['ModelInfer', 'ModelReady', 'ModelMetadata']) {
      const request = method === 'ModelInfer' ? raw : { name: 'leaves' }
      expect((await call(method, request, null)).code).toBe(16)
      expect((await call(method, request, 'ew_nonsense')).code).toBe(16)
      expect((await call(method, request, await of(['models:predict:other']))).code).toBe(7)
      expect((await call(method, request, stranger)).code).toBe(5)
    }
    await expect.poll(async () => (await ask(product, '/v1/audit?limit=50')).text).toContain('"model_infer"')
  })
})

describe('the core’s own RPCs', () => {
  test('predict for rows, and say what answered', async () => {
    const request = { name: 'leaves', rows: rows.map((row) => JSON.stringify(row)) }
    const service = 'edgewise.model.v1.ModelService'
    const { answer, model } = await callBy<{ readonly answers: readonly string[] }>(
      'edgewise/model/v1/model.proto',
      service,
      'Predict',
      request,
      product.key,
    )
    const { prediction } = await wanted()
    expect(answer.answers.map((one) => (JSON.parse(one) as { prediction: string }).prediction)).toEqual(prediction)
    expect(model).toMatch(/^leaves@1; placement=core; sha256=[\da-f]{64}$/)
  })

  test('predict for all rows of a SELECT, in blocks as they come', async () => {
    using client = connectGrpc(QueryService, { address: product.core.grpc, credential: product.key })
    const sql =
      'SELECT t.id, m.left FROM (SELECT a.* FROM customers AS a, (SELECT id FROM customers LIMIT 20) AS b) AS t JOIN leaves AS m'
    let model = ''
    const blocks: string[] = []
    let whole = false
    for await (const { piece } of client.runSql({ sql, format: Format.NDJSON })) {
      if (piece.case === 'head') model = piece.value.model
      else if (piece.case === 'body') blocks.push(new TextDecoder().decode(piece.value))
      else whole = piece.case === 'tail'
    }
    expect(model).toMatch(/^leaves@1; placement=core; /)
    expect(blocks.length).toBeGreaterThan(1)
    expect(blocks.join('').trim().split('\n')).toHaveLength(40_000)
    expect(whole).toBe(true)
  })
})
