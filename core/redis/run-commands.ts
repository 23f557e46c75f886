import { Failure } from '#mesh/errors.ts'
import { allows } from '#mesh/scopes.ts'
import { authorise, type Context } from '../context.ts'
import { isRefusal, type Redis, type RedisReply } from '../storage/redis.ts'
import type { RedisLimits } from './limits.ts'
import { ownWords, prefixOf, withOwnNames } from './names.ts'
import type { Room } from './room.ts'
import type { Texts } from './scripts.ts'
import { type Step, stepOf } from './step.ts'
import { walk } from './walk.ts'
import { replyBytes, weigh } from './weigh.ts'

export interface RedisDeps {
  readonly redis: Redis
  readonly limits: RedisLimits
  /** Of each workspace; and of all together, where they share this process. */
  readonly rooms: readonly Room[]
  readonly texts: Texts
}

export interface RunCommands {
  readonly commands: readonly (readonly Buffer[])[]
  readonly atomic: boolean
  readonly readOnly: boolean
}

type Send = Extract<Step, { readonly kind: 'send' }>

const noRoom = "OOM command not allowed when used memory > 'maxmemory': the workspace has all that it may have"

/** Runs commands on the keys of the caller's workspace; answers as many replies, in their order. */
export async function runCommands(deps: RedisDeps, ctx: Context, input: RunCommands): Promise<readonly RedisReply[]> {
  const { limits, redis, texts } = deps
  const isEdge = ctx.actor.scopes.includes('internal:edge')
  // With neither scope nothing more is said.
  if (!isEdge && !allows(ctx.actor.scopes, 'redis:write')) authorise(ctx, 'redis:read')
  const { commands, atomic, readOnly } = input
  if (commands.length === 0 || commands.length > limits.maxCommands) {
    throw new Failure('request.too_large', `A request has 1 to ${limits.maxCommands} commands.`)
  }
  // Edges have keys of their own: no workspace's name begins with `_`.
  const prefix = prefixOf(redis.prefix, isEdge ? '_edge' : ctx.actor.workspace)
  const steps = commands.map((command) => stepOf(command, prefix, limits, texts))
  const accesses = new Set(steps.map(accessOf))
  if (!isEdge && accesses.has('read')) authorise(ctx, 'redis:read')
  if (!isEdge && accesses.has('write')) authorise(ctx, 'redis:write')
  if (readOnly && accesses.has('write')) {
    throw new Failure('request.method', 'A command that changes something is sent by POST.')
  }
  // What edges count is no workspace's, and small.
  const planned = await plan(isEdge ? { ...deps, rooms: [] } : deps, ctx, prefix, steps)
  return atomic ? transact(deps, prefix, planned) : oneByOne(deps, ctx, prefix, planned)
}

function accessOf(step: Step): 'read' | 'write' {
  if (step.kind === 'send') return step.spec.access
  return step.kind === 'walk' ? step.access : 'read'
}

/** Refuses what would answer too much, or write where there is no room. */
async function plan(deps: RedisDeps, ctx: Context, prefix: string, steps: readonly Step[]): Promise<readonly Step[]> {
  const { limits, redis, rooms } = deps
  const weightOf = await weigh(
    redis,
    steps.flatMap((step) => (step.kind === 'send' ? [step.cost] : [])),
  )
  let added = 0
  let answered = 0
  const planned = steps.map((step): Step => {
    if (step.kind !== 'send') return step
    const { addedBytes, whole, copied } = step.cost
    const weight = weightOf(step.cost)
    // What comes before it in this request may have made its keys larger.
    const answer = weight.answered + whole.length * added
    if (answer > 0 && answered + answer > limits.maxReplyBytes) {
      return refuse(`ERR the answer may be larger than ${limits.maxReplyBytes} bytes: ask for less at a time`)
    }
    answered += answer
    added += addedBytes + (copied.length > 0 ? weight.copied + added : 0)
    return step
  })
  if (added === 0) return planned
  for (const room of rooms) {
    if (await room.take(ctx, prefix, added)) continue
    return planned.map((step) => (step.kind === 'send' && adds(step) ? refuse(noRoom) : step))
  }
  return planned
}

function adds({ cost }: Send): boolean {
  return cost.addedBytes > 0 || cost.copied.length > 0
}

async function transact({ redis, limits }: RedisDeps, prefix: string, steps: readonly Step[]): Promise<RedisReply[]> {
  const sends: Send[] = []
  let elements = 0
  for (const step of steps) {
    if (step.kind === 'walk') throw discarded('ERR commands about all keys are not offered in a transaction')
    if (step.kind === 'answer') throw discarded(isRefusal(step.reply) ? step.reply.refusal : 'ERR not in a transaction')
    elements += step.cost.elements
    sends.push(step)
  }
  if (elements > limits.maxElements) throw discarded(`ERR it answers more than ${limits.maxElements} elements`)
  const replies = await redis.transact(sends.map(({ command }) => command))
  if (isRefusal(replies)) throw discarded(ownWords(replies.refusal, prefix, ''))
  return sends.map((step, at) => own(step, replies[at] ?? null, prefix))
}

function discarded(why: string): Failure {
  return new Failure('redis.refused', `EXECABORT Transaction discarded because of previous errors. ${why}`)
}

async function oneByOne(deps: RedisDeps, ctx: Context, prefix: string, steps: readonly Step[]): Promise<RedisReply[]> {
  const { limits, redis } = deps
  const replies: RedisReply[] = []
  let bytes = 0
  for (let at = 0; at < steps.length;) {
    ctx.signal.throwIfAborted()
    const sends = takeSends(steps, at, limits.maxElements)
    const step = steps[at] as Step
    if (bytes > limits.maxReplyBytes) replies.push({ refusal: 'ERR not run: what came before it answers too much' })
    else if (sends.length > 0) {
      const came = await redis.send(sends.map(({ command }) => command))
      replies.push(...sends.map((sent, i) => own(sent, came[i] ?? null, prefix)))
    } else if (step.kind === 'walk') replies.push(await walk(deps, ctx, prefix, step.args))
    else if (step.kind === 'answer') replies.push(step.reply)
    for (const reply of replies.slice(at)) bytes += replyBytes(reply)
    at = replies.length
  }
  return replies
}

/** As many as can go at once: of elements nobody knows how long they are. */
function takeSends(steps: readonly Step[], from: number, maxElements: number): readonly Send[] {
  const sends: Send[] = []
  let elements = 0
  for (const step of steps.slice(from)) {
    if (step.kind !== 'send') break
    elements += step.cost.elements
    if (sends.length > 0 && elements > maxElements) break
    sends.push(step)
  }
  return sends
}

/** Without what its workspace does not see. */
function own({ command, spec }: Send, reply: RedisReply, prefix: string): RedisReply {
  if (reply !== null && isRefusal(reply)) return { refusal: ownWords(reply.refusal, prefix, command[0]) }
  return spec.names === true ? withOwnNames(reply, prefix, command[0]) : reply
}

function refuse(refusal: string): Step {
  return { kind: 'answer', reply: { refusal } }
}
