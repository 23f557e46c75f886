import { base64Encode } from '@bufbuild/protobuf/wire'
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import { Failure } from '#mesh/errors.ts'
import type { Answer, Reply } from '#proto/edgewise/redis/v1/redis_pb.ts'
import { isSession } from '../auth/cookie.ts'
import { asCaller } from '../core.ts'
import type { Deps } from '../deps.ts'
import { charge } from '../limit/enforce.ts'
import { maxJsonBytes, parseExact, readBody, textOf } from './body.ts'
import { type AppContext, type AppEnv, callerOf } from './context.ts'
import { failures, json } from './schemas.ts'

const Arg = z.union([z.string(), z.number(), z.boolean()])
const Command = z
  .array(Arg)
  .min(1)
  .openapi('RedisCommand', { example: ['SET', 'greeting', 'hello', 'EX', 60] })
const Result = z.object({ result: z.unknown() }).openapi('RedisResult')
const Results = z.array(z.union([Result, z.object({ error: z.string() })])).openapi('RedisResults')

const tags = ['redis']
const description =
  'As Upstash’s REST API (https://upstash.com/docs/redis/features/restapi), for @upstash/redis as it is. Keys are the workspace’s own. `Upstash-Encoding: base64` encodes every text of the answer.'
const one = { 200: json('What the command came to', Result), ...failures }
const each = { 200: json('What each command came to, in their order', Results), ...failures }
const byPath = {
  tags,
  path: '/redis/{command}',
  description: 'A body is the last argument; parameters of the query follow it: `/redis/set/greeting/hello?EX=60`.',
  request: { params: z.object({ command: z.string().openapi({ example: 'get/greeting' }) }) },
  responses: one,
}

/** The REST API of Upstash Redis over the Redis of the core. */
export function redis(app: OpenAPIHono<AppEnv>, deps: Deps): void {
  describe(app)
  app.post('/redis', async (c) => single(c, await run(c, deps, [argsOf(await bodyOf(c), '')], false)))
  app.post('/redis/pipeline', async (c) => list(c, await run(c, deps, await commandsOf(c), false)))
  app.post('/redis/multi-exec', async (c) => list(c, await run(c, deps, await commandsOf(c), true)))
  app.on(['GET', 'POST'], '/redis/:command{.+}', async (c) => single(c, await run(c, deps, [await pathOf(c)], false)))
}

function describe({ openAPIRegistry }: OpenAPIHono<AppEnv>): void {
  const bodies = [
    ['/redis', 'Run a command', Command, one],
    ['/redis/pipeline', 'Run commands one after the other', z.array(Command), each],
    ['/redis/multi-exec', 'Run commands in one transaction', z.array(Command), each],
  ] as const
  for (const [path, summary, schema, responses] of bodies) {
    const request = { body: { required: true, content: { 'application/json': { schema } } } }
    openAPIRegistry.registerPath({ tags, summary, description, method: 'post', path, request, responses })
  }
  openAPIRegistry.registerPath({ ...byPath, method: 'get', summary: 'Run a command that is a path' })
  openAPIRegistry.registerPath({ ...byPath, method: 'post', summary: 'Run a command that is a path and a body' })
}

type Args = readonly Uint8Array[]

async function run(c: AppContext, { core }: Deps, commands: readonly Args[], atomic: boolean): Promise<Answer[]> {
  const cost = Math.max(1, commands.length)
  c.set('cost', cost)
  // The request itself is charged already.
  await charge(c, c.var.session.meter, cost - 1)
  const { answers } = await core.redis.runCommands(
    {
      commands: commands.map((args) => ({ args: [...args] })),
      atomic,
      // Any page can make a browser send this.
      readOnly: isSession(c.var.credential) && c.req.method !== 'POST',
    },
    asCaller(callerOf(c)),
  )
  return answers
}

async function bodyOf(c: AppContext): Promise<unknown> {
  const body = await readBody(c.req.raw, maxJsonBytes)
  c.set('requestBytes', body.byteLength)
  return parseExact(textOf(body))
}

async function commandsOf(c: AppContext): Promise<readonly Args[]> {
  const body = await bodyOf(c)
  if (!Array.isArray(body)) throw malformed('', 'must be an array of commands')
  return body.map((command, at) => argsOf(command, `/${at}`))
}

const utf8 = new TextEncoder()

/** Numbers have come as their text: see `parseExact`. */
function argsOf(command: unknown, pointer: string): Args {
  if (!Array.isArray(command) || command.length === 0) throw malformed(pointer, 'must be an array: a command')
  return command.map((arg: unknown, at) => {
    if (typeof arg === 'string' || typeof arg === 'boolean') return utf8.encode(String(arg))
    throw malformed(`${pointer}/${at}`, 'must be a text, a number or a boolean')
  })
}

/** `/set/key/value?EX=60`, and the body before what the query adds. */
async function pathOf(c: AppContext): Promise<Args> {
  const { pathname, searchParams } = new URL(c.req.url)
  if (searchParams.has('_token')) throw malformed('_token', 'a credential is never in a URL: send it as Authorization')
  const body = c.req.method === 'POST' ? await readBody(c.req.raw, maxJsonBytes) : new Uint8Array()
  c.set('requestBytes', body.byteLength)
  const parts = pathname.slice('/redis/'.length).replace(/\/$/, '').split('/')
  const query = [...searchParams].flatMap(([name, value]) => (value === '' ? [name] : [name, value]))
  try {
    const path = parts.map((part) => utf8.encode(decodeURIComponent(part)))
    return [...path, ...(body.byteLength > 0 ? [body] : []), ...query.map((part) => utf8.encode(part))]
  } catch {
    throw malformed('path', 'is not percent-encoded UTF-8')
  }
}

function malformed(pointer: string, reason: string): Failure {
  return new Failure('request.invalid', `${pointer === '' ? 'The body' : pointer} ${reason}.`, {
    errors: [{ pointer, reason }],
  })
}

function single(c: AppContext, [answer]: readonly Answer[]): Response {
  if (answer?.came.case === 'refusal') throw new Failure('redis.refused', answer.came.value)
  return respond(`{"result":${jsonOf(answer?.came.value, encodingOf(c))}}`)
}

function list(c: AppContext, answers: readonly Answer[]): Response {
  const encode = encodingOf(c)
  const items = answers.map(({ came }) =>
    came.case === 'refusal' ? `{"error":${JSON.stringify(came.value)}}` : `{"result":${jsonOf(came.value, encode)}}`,
  )
  return respond(`[${items.join(',')}]`)
}

function respond(body: string): Response {
  return new Response(body, { headers: { 'content-type': 'application/json', 'cache-control': 'no-store' } })
}

type Encode = (text: Uint8Array) => string

function encodingOf(c: AppContext): Encode {
  if (c.req.header('upstash-encoding') === 'base64') return base64Encode
  const plain = new TextDecoder()
  return (text) => plain.decode(text)
}

/** Written by hand: integers keep every digit. */
function jsonOf(reply: Reply | undefined, encode: Encode): string {
  const { kind } = reply ?? {}
  if (kind?.case === 'integer') return String(kind.value)
  if (kind?.case === 'text') return JSON.stringify(encode(kind.value))
  if (kind?.case === 'refusal') return JSON.stringify(encode(utf8.encode(kind.value)))
  return kind?.case === 'list' ? `[${kind.value.items.map((item) => jsonOf(item, encode)).join(',')}]` : 'null'
}
