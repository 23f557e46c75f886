import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must } from '../e2e/ask.ts'
import { program } from '../support/optional.ts'
import { type Product, startProduct } from '../support/product.ts'

const schemathesis = program('schemathesis')

/** Where it writes: what it remembers of earlier runs would make this run another one. */
const directory = mkdtempSync(join(tmpdir(), 'edgewise-openapi-'))
let product: Product

beforeAll(async () => {
  if (schemathesis === undefined) return
  product = await startProduct()
  // A deadline that the caller sets may pass: 504 is the answer to that, and no fault.
  writeFileSync(
    join(directory, 'schemathesis.toml'),
    '[checks]\nnot_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "504"]\n',
  )
  // Something of each kind, under the names of the examples.
  await must(product, '/v1/events/requests?wait=true', { body: '{"path":"/","status":200}\n{"path":1}' })
  await must(product, '/v1/queries/requests_per_path', {
    method: 'PUT',
    json: { sql: 'SELECT count() AS n FROM requests WHERE path = {path:String}', cache: { ttl_s: 1 } },
  })
})
afterAll(async () => {
  await product?.stop()
  rmSync(directory, { recursive: true })
})

/** What it found, and the whole report where it found anything. */
function run(...more: readonly string[]): Promise<{ readonly failed: boolean; readonly report: string }> {
  const args = [
    `--config-file=${join(directory, 'schemathesis.toml')}`,
    'run',
    `${product.url}/openapi.json`,
    `--header=Authorization: Bearer ${product.key}`,
    '--checks=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance',
    '--seed=1',
    '--no-color',
    '--warnings=off',
    '--request-timeout=30',
    '--generation-database=none',
  ]
  return promisify(execFile)(schemathesis ?? '', [...args, ...more], { cwd: directory, maxBuffer: 1 << 26 }).then(
    ({ stdout }) => ({ failed: false, report: stdout }),
    ({ stdout }: { stdout: string }) => ({ failed: true, report: stdout.slice(0, 20_000) }),
  )
}

const ofBytes = [
  'POST /v1/events/{stream}',
  'POST /v1/products/import',
  'POST /v1/items/import',
  'POST /v1/documents/{collection}/import',
]
/** It would revoke the key that it asks with. */
const spared = ['--exclude-name', 'DELETE /v1/keys/{id}']

describe.skipIf(schemathesis === undefined)('what is asked by its description is answered by its description', () => {
  test.each<[string, readonly string[]]>([
    ['with examples and at random', ['--phases', 'examples,fuzzing', '--max-examples', '30', ...spared]],
    // Of a body that is bytes there is nothing to cover, and it breaks off over it.
    [
      'with what is at and beyond each bound',
      ['--phases', 'coverage', ...spared, ...ofBytes.flatMap((name) => ['--exclude-name', name])],
    ],
    [
      'about a key that is not there',
      ['--phases', 'fuzzing', '--include-name', 'DELETE /v1/keys/{id}', '--max-examples', '20'],
    ],
  ])('%s', { timeout: 400_000 }, async (_, args) => {
    const { failed, report } = await run(...args)
    expect(failed, report).toBe(false)
    expect(report).toMatch(/[1-9]\d* generated/)
  })
})
