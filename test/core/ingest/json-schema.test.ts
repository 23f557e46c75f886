import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OnUnknown } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { openWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

const schema = {
  type: 'object',
  required: ['at', 'sku', 'quantity'],
  additionalProperties: false,
  properties: {
    at: { type: 'string', format: 'date-time' },
    sku: { type: 'string', minLength: 3, maxLength: 12 },
    quantity: { type: 'integer', minimum: 1 },
    state: { enum: ['open', 'paid'] },
    tags: { type: 'array', items: { type: 'string' }, maxItems: 2 },
    buyer: {
      type: 'object',
      required: ['id'],
      properties: { id: { type: 'string', format: 'uuid' }, age: { type: 'integer' } },
    },
  },
}
const declare = (name: string, of: object, rest: object = {}, dryRun = false) =>
  world.put({ name, schema: { jsonSchema: JSON.stringify(of), ...rest }, dryRun })
const row = (change: object = {}) => JSON.stringify({ at: '2026-11-01T10:00:00Z', sku: 'abc', quantity: 1, ...change })

describe('a stream declared by JSON Schema', () => {
  test('gets its columns from the schema, and gives the schema back', async () => {
    const stream = await declare('orders', schema)
    expect(stream.schema?.columns.map(({ name, type }) => [name, type])).toEqual([
      ['at', 'DateTime64(3)'],
      ['sku', 'String'],
      ['quantity', 'Int64'],
      ['state', 'LowCardinality(Nullable(String))'],
      ['tags', 'Array(String)'],
      ['buyer.id', 'Nullable(UUID)'],
      ['buyer.age', 'Nullable(Int64)'],
    ])
    expect(stream.schema).toMatchObject({ time: 'at', onUnknown: OnUnknown.QUARANTINE })
    expect(JSON.parse((await world.get('orders')).schema?.jsonSchema ?? '')).toEqual(schema)
  })

  test('takes the rows that satisfy it, and quarantines the others with the place and the reason', async () => {
    const buyer = { id: '8c7f5cb4-5d1c-4a8f-9f0e-1d2b3c4d5e6f', age: 40 }
    const good = [row(), row({ state: 'paid', tags: ['a', 'b'], buyer })]
    const bad: [string, string, string][] = [
      [row({ sku: 'ab' }), 'sku', 'fewer than 3'],
      [row({ quantity: 0 }), 'quantity', '>= 1'],
      [row({ state: 'lost' }), 'state', 'allowed values'],
      [row({ tags: ['a', 'b', 'c'] }), 'tags', 'more than 2'],
      [row({ buyer: { age: 1 } }), 'buyer.id', 'required'],
      [row({ other: 1 }), 'other', 'is not a column'],
      [row({ quantity: 1.5 }), 'quantity', 'expected Int64'],
    ]
    const written = await world.write('orders', [...good, ...bad.map(([text]) => text)].join('\n'))
    expect(written.accepted).toBe(2)
    expect(written.errors.map(({ column }) => column)).toEqual(bad.map(([, column]) => column))
    for (const [i, { reason }] of written.errors.entries()) expect(reason).toContain(bad[i]?.[2])
    expect(await world.rows('SELECT sku, `buyer.age` AS age FROM orders ORDER BY age')).toEqual([
      { sku: 'abc', age: '40' },
      { sku: 'abc', age: null },
    ])
  })

  test('after a restart too', async () => {
    const written = await world.reopen().write('orders', row({ sku: 'a' }))
    expect(written).toMatchObject({ accepted: 0, quarantined: 1 })
  })

  test('is changed in place where the columns only become more', async () => {
    const wider = { ...schema, properties: { ...schema.properties, note: { type: 'string' } } }
    expect(await declare('orders', wider)).toMatchObject({ version: 2 })
    expect(await world.write('orders', row({ note: 'thanks' }))).toMatchObject({ accepted: 1 })
    const other = { ...schema, properties: { ...schema.properties, quantity: { type: 'string' } } }
    await expect(declare('orders', other)).rejects.toMatchObject({ problem: 'stream.schema' })
  })

  test('keeps the columns that are declared beside it', async () => {
    const columns = [{ name: 'n', type: 'UInt8' }]
    const stream = await declare(
      'small',
      { type: 'object', properties: { n: { type: 'integer', maximum: 9 } } },
      { columns },
    )
    expect(stream.schema?.columns).toMatchObject(columns)
    expect(await world.write('small', '{"n":9}\n{"n":10}')).toMatchObject({ accepted: 1, quarantined: 1 })
  })

  test.each([
    ['no schema', 'nonsense', ''],
    ['no object', { type: 'string' }, ''],
    [
      'a reference, which can cost without bound',
      { type: 'object', properties: { a: { $ref: '#' } } },
      '/properties/a/$ref',
    ],
    [
      'a pattern',
      { type: 'object', properties: { a: { type: 'string', pattern: '(a+)+$' } } },
      '/properties/a/pattern',
    ],
    [
      'an unknown format',
      { type: 'object', properties: { a: { type: 'string', format: 'colour' } } },
      '/properties/a/format',
    ],
    [
      'a keyword that is mistyped',
      { type: 'object', properties: { a: { type: 'string', maxLenght: 3 } } },
      '/properties/a/maxLenght',
    ],
    ['a bound that is no number', { type: 'object', properties: { a: { type: 'integer', minimum: 'x' } } }, ''],
    ['no type for a column', { type: 'object', properties: { a: { title: 'A' } } }, '/properties/a'],
  ])('with %s is refused, naming the place', async (_, of, at) => {
    const failure = world.put({
      name: 'refused',
      schema: { jsonSchema: typeof of === 'string' ? of : JSON.stringify(of) },
    })
    await expect(failure).rejects.toMatchObject({
      problem: 'stream.schema',
      errors: expect.arrayContaining([expect.objectContaining({ pointer: `/json_schema${at}` })]),
    })
  })
})

describe('a body that does not say what it is', () => {
  test.each([
    ['an object', '{"n":1}', 1],
    ['objects on lines', '{"n":1}\n{"n":2}\n', 2],
    ['an array', ' [{"n":1},\n{"n":2}]', 2],
    ['an object over several lines', '{\n  "n": 1\n}', 1],
  ])('is understood: %s', async (_, body, accepted) => {
    for (const contentType of ['', 'application/x-www-form-urlencoded']) {
      expect(await world.write('bare', body, { contentType })).toMatchObject({ accepted, quarantined: 0 })
    }
  })
})
