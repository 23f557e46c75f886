import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { createAssertions } from '../../../core/identity/index.ts'

const [key, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
const actor = create(ActorSchema, {
  id: 'key_1',
  workspace: 'main',
  scopes: ['sql:read'],
  params: { customer: 'acme' },
  filters: [{ stream: 'orders', column: 'customer', values: ['acme'] }],
})
const refusal = { problem: 'auth.invalid' }

test('what one core says of an actor another reads, whole', () => {
  const said = createAssertions(key, [], () => 1_000).make(actor)
  expect(createAssertions(key, [], () => 2_000).read(said)).toEqual(actor)
  // While the master key is exchanged, the one of before is believed.
  expect(createAssertions(other, [key], () => 2_000).read(said)).toEqual(actor)
})

test('nobody else can say it, it cannot be changed, and it ends', () => {
  const ours = createAssertions(key, [], () => 1_000)
  const said = ours.make(actor)
  const [prefix, until, , code] = said.split('.')
  const admin = ours.make(create(ActorSchema, { id: 'svc', scopes: ['internal:edge'] })).split('.')[2]
  const wrong = [
    createAssertions(other, [], () => 1_000).make(actor),
    [prefix, until, admin, code].join('.'),
    [prefix, String(Number(until) + 1), said.split('.')[2], code].join('.'),
    `${said}.${code}`,
    said.slice(0, -1),
    `${prefix}.${until}..`,
    'core1.',
    'core1....',
  ]
  for (const text of wrong) {
    expect(() => ours.read(text), text).toThrow(expect.objectContaining(refusal))
  }
  const later = createAssertions(key, [], () => 1_000 + 60_001)
  expect(() => later.read(said)).toThrow(expect.objectContaining(refusal))
})
