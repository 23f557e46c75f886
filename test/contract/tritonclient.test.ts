import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must, trained } from '../e2e/ask.ts'
import { customers } from '../support/customers.ts'
import { program } from '../support/optional.ts'
import { type Product, startProduct } from '../support/product.ts'

const python = program('python-with-tritonclient')
const script = fileURLToPath(new URL('./triton.py', import.meta.url))

interface Said {
  readonly prediction: readonly string[]
  readonly probabilities: readonly number[]
  readonly shape: readonly number[]
}

interface Found {
  readonly default: Said
  readonly json: Said
}

describe.skipIf(python === undefined)('the clients of Triton, as they come', () => {
  let product: Product
  beforeAll(async () => {
    product = await startProduct()
    await must(product, '/v1/events/customers?wait=true', { body: customers(2_000) })
    await trained(product, 'CREATE MODEL leaves FROM (SELECT * EXCEPT (id) FROM customers) PREDICT left')
  }, 90_000)
  afterAll(() => product?.stop())

  test('ask over HTTP and gRPC, and are told what the gateway’s own route says', { timeout: 60_000 }, async () => {
    const { json } = await must<{
      predictions: readonly { prediction: string; probabilities: Readonly<Record<string, number>> }[]
    }>(product, '/v1/models/leaves/predict', {
      json: {
        rows: [
          { tenure: 2, contract: 'monthly', charge: 20.5 },
          { tenure: 50, contract: 'yearly', charge: 30 },
          { charge: 40 },
        ],
      },
    })
    const wanted = {
      prediction: json.predictions.map(({ prediction }) => prediction),
      probabilities: json.predictions.flatMap(({ probabilities }) => [probabilities['no'], probabilities['yes']]),
      shape: [3, 2],
    }
    const args = [script, new URL(product.url).host, product.core.grpc, product.key, 'leaves']
    const { stdout } = await promisify(execFile)(python ?? '', args)
    const { http, grpc } = JSON.parse(stdout) as { readonly http: Found; readonly grpc: Found }
    const { json: two, ...both } = http
    for (const found of [both, grpc]) {
      expect(found).toEqual({
        live: true,
        ready: true,
        model_ready: true,
        extensions: ['binary_tensor_data'],
        inputs: ['tenure', 'charge', 'contract'],
        default: wanted,
        of_version: wanted,
        unknown: expect.stringContaining('There is no model `unheard_of`') as unknown,
        misnamed: 'The model has no output `nothing`.',
        stranger: expect.stringContaining('credential') as unknown,
      })
    }
    expect(two.prediction).toEqual(wanted.prediction.slice(0, 2))
    expect(two.shape).toEqual([2, 2])
  })
})
