import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from 'vitest'
import { ActorSchema, VerifyKeyResponseSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { type AnswerSchema, RunCommandsResponseSchema } from '#proto/edgewise/redis/v1/redis_pb.ts'
import { createEdge, createFakeCore, type Edge } from '../support.ts'

interface Ran {
  readonly commands: readonly { readonly args: readonly Uint8Array[] }[]
  readonly atomic: boolean
  readonly readOnly: boolean
}

let edge: Edge
let ran: Ran[]
let answers: MessageInitShape<typeof AnswerSchema>[]
const key = () => edge.fake.key({ scopes: ['redis:read', 'redis:write'] })
const plain = new TextDecoder()
const sent = () => ran.map(({ commands }) => commands.map(({ args }) => args.map((arg) => plain.decode(arg)).join(' ')))

beforeEach(() => {
  const fake = createFakeCore()
  ran = []
  answers = []
  const actor = create(ActorSchema, { workspace: 'main', id: 'usr_1', scopes: ['redis:read', 'redis:write'] })
  const { identity } = fake.core
  Object.assign(fake.core, {
    redis: {
      runCommands(request: Ran) {
        ran.push(request)
        return Promise.resolve(create(RunCommandsResponseSchema, { answers }))
      },
    },
    identity: {
      verifyKey: (request: { readonly key: string }) =>
        request.key.startsWith('ews_')
          ? Promise.resolve(create(VerifyKeyResponseSchema, { actor }))
          : identity.verifyKey(request),
    },
  })
  edge = createEdge({ fake })
})

describe('a command', () => {
  test('arrives as it was sent: numbers digit by digit, a path and its query in their order', async () => {
    const post = { method: 'POST', body: '["SET", "n", 9007199254740993, 1.50, true]' }
    await edge.get('/redis', key(), {}, post)
    await edge.get('/redis/set/a%2Fb/c%20d?EX=5&NX', key())
    await edge.get('/redis/set/k?PX=9', key(), {}, { method: 'POST', body: 'body' })
    expect(sent()).toEqual([['SET n 9007199254740993 1.50 true'], ['set a/b c d EX 5 NX'], ['set k body PX 9']])
  })

  test('is answered with every digit, and in base64 where that is asked for', async () => {
    const text = new TextEncoder().encode('grüße')
    answers = [
      {
        came: {
          case: 'reply',
          value: {
            kind: {
              case: 'list',
              value: {
                items: [{ kind: { case: 'integer', value: 2n ** 62n } }, { kind: { case: 'text', value: text } }, {}],
              },
            },
          },
        },
      },
    ]
    const said = await (await edge.get('/redis/x', key())).text()
    expect(said).toBe('{"result":[4611686018427387904,"grüße",null]}')
    const encoded = await edge.get('/redis/x', key(), { 'upstash-encoding': 'base64' })
    expect(await encoded.text()).toBe('{"result":[4611686018427387904,"Z3LDvMOfZQ==",null]}')
  })

  test('that any page could make a browser send changes nothing', async () => {
    const cookie = `__Host-edgewise=ews_${'A'.repeat(43)}`
    await edge.get('/redis/set/k/v', undefined, { cookie })
    await edge.get('/redis/set/k/v', undefined, { cookie }, { method: 'HEAD' })
    await edge.get('/redis/set/k/v', key())
    expect(ran.map(({ readOnly }) => readOnly)).toEqual([true, true, false])
    const forged = await edge.get('/redis/set/k/v', undefined, { cookie }, { method: 'POST' })
    expect([forged.status, ran.length]).toEqual([403, 3])
  })
})
