import { Failure } from '#mesh/errors.ts'
import { checkName } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import { isVisible, mayCreate, noSuchStream, refuseSystem } from './access.ts'
import { type Answer, requestDigest } from './answers.ts'
import { appendBatch, type Place } from './append.ts'
import { type Batch, decode } from './decode.ts'
import type { Definition } from './definition.ts'
import type { Deps } from './deps.ts'
import { type Plan, planBatch } from './plan.ts'
import type { Held } from './room.ts'
import type { Stream } from './streams.ts'
import { waitBriefly } from './wait.ts'

export interface WriteEvents {
  readonly stream: string
  readonly body: Uint8Array
  readonly contentType: string
  readonly contentEncoding: string
  readonly idempotencyKey: string
  readonly wait: boolean
  readonly strict: boolean
  readonly dryRun: boolean
}

export interface Written extends Answer {
  readonly queryable: boolean
  readonly replayed: boolean
  /** The stream's definition, where this batch made or widened it. */
  readonly inferred: Definition | undefined
}

/** Validates a batch row by row: good rows go to the stream's log, bad ones to quarantine, all durable before the answer. */
export async function writeEvents(deps: Deps, ctx: Context, input: WriteEvents): Promise<Written> {
  const { stream: name, idempotencyKey: key } = input
  authoriseWrite(ctx, name)
  checkKey(key, deps.limits.maxIdempotencyKeyLength)
  const { workspace } = ctx.actor
  return deps.room(input.body.byteLength, async (held) => {
    if (input.dryRun) return preview(deps, ctx, input, held)
    const work = async () => (await write(deps, ctx, input, held)).answer
    const { body, contentType, contentEncoding, strict } = input
    const digest = key === '' ? '' : requestDigest(body, contentType, contentEncoding, strict)
    const { answer, replayed } =
      key === ''
        ? { answer: await work(), replayed: false }
        : await deps.answers.once({ workspace, stream: name, key, digest }, work)
    const positions = answer.offsets.map((position) => ({ topic: `${workspace}.${name}`, ...position }))
    const queryable = input.wait && (await waitBriefly(deps, ctx, positions))
    const inferred = answer.changed ? (await deps.streams.find(workspace, name))?.definition : undefined
    return { ...answer, queryable, replayed, inferred }
  })
}

export function authoriseWrite(ctx: Context, stream: string): void {
  authorise(ctx, 'events:write', stream)
  refuseSystem(stream)
  if (!isVisible(ctx, stream)) throw noSuchStream(stream)
}

function checkKey(key: string, maxLength: number): void {
  if (key === '' || (key.length <= maxLength && /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(key))) return
  throw new Failure('request.invalid', 'The Idempotency-Key is not well formed.', {
    hint: 'Use a UUID, or any text that is new for each request.',
    errors: [{ pointer: 'Idempotency-Key', reason: `must be 1 to ${maxLength} printable ASCII characters` }],
  })
}

/** What came of it, and where each good row is. */
interface Wrote {
  readonly answer: Answer
  places(): readonly Place[]
}

/** Others may change the stream between plan and write; each time the batch is judged anew, against what there is then. */
const maxAttempts = 10

export async function write(deps: Deps, ctx: Context, input: WriteEvents, held: Held): Promise<Wrote> {
  let giveBack: (() => void) | undefined
  /** Rows that go to quarantine are kept as well, so they count; what is not written in the end does not. */
  const charge = async ({ good, bad }: Plan): Promise<void> => {
    giveBack ??= await deps.budgets.spend(ctx.actor, { events: good.length + bad.length })
  }
  try {
    return await writeCharged(deps, ctx, input, held, charge)
  } catch (thrown) {
    giveBack?.()
    throw thrown
  }
}

async function writeCharged(
  deps: Deps,
  ctx: Context,
  input: WriteEvents,
  held: Held,
  charge: (plan: Plan) => Promise<void>,
): Promise<Wrote> {
  const batch = await read(deps, input, held)
  const { workspace } = ctx.actor
  const topic = `${workspace}.${input.stream}`
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const base = await existing(deps, ctx, input.stream)
    const plan = await planBatch(ctx, base, batch, deps.limits)
    const { definition } = plan
    if (definition === undefined || (input.strict && plan.bad.length > 0)) throw rejected(plan, definition)
    await charge(plan)
    const stream = plan.changed
      ? await deps.locks.alone(topic, () => applyChange(deps, ctx, input.stream, base, definition))
      : base
    if (stream === undefined) continue
    const appended = await deps.locks.shared(topic, async () => {
      const now = await deps.streams.find(workspace, input.stream)
      // Dropped and perhaps made anew in the meantime: these rows were judged for another stream.
      if (now === undefined || now.createdAt.getTime() !== stream.createdAt.getTime()) return undefined
      return appendBatch(deps, now, plan, input.idempotencyKey)
    })
    if (appended === undefined) continue
    const { offsets, places } = appended
    return { answer: { ...counts(plan, deps), offsets, changed: plan.changed }, places }
  }
  throw new Failure('limit.concurrency', `\`${input.stream}\` is being changed too often to write to it.`, {
    retryAfterMs: 1_000,
  })
}

/** The stream, or undefined where the actor may make it. */
async function existing(deps: Deps, ctx: Context, name: string): Promise<Stream | undefined> {
  const stream = await deps.streams.find(ctx.actor.workspace, name)
  if (stream === undefined) {
    if (!mayCreate(ctx)) throw noSuchStream(name)
    checkName(name, 'stream')
  }
  return stream
}

/** Undefined where the stream is no longer what the plan was made for. */
async function applyChange(
  deps: Deps,
  ctx: Context,
  name: string,
  base: Stream | undefined,
  definition: Definition,
): Promise<Stream | undefined> {
  const now = await deps.streams.find(ctx.actor.workspace, name)
  if (base === undefined) return now === undefined ? deps.streams.create(ctx, name, definition) : undefined
  if (now?.version !== base.version || now.createdAt.getTime() !== base.createdAt.getTime()) return undefined
  return deps.streams.change(ctx, now, definition)
}

/** Decodes the body; what it inflates to counts as what it is. */
function read(deps: Deps, input: WriteEvents, held: Held): Promise<Batch> {
  return decode(input, deps.limits, async (body, encoding, limits) => {
    const inflated = await deps.inflate(body, encoding, limits)
    held.grow(Math.max(0, inflated.byteLength - body.byteLength))
    return inflated
  })
}

async function preview(deps: Deps, ctx: Context, input: WriteEvents, held: Held): Promise<Written> {
  const batch = await read(deps, input, held)
  const plan = await planBatch(ctx, await existing(deps, ctx, input.stream), batch, deps.limits)
  if (plan.definition === undefined || (input.strict && plan.bad.length > 0)) throw rejected(plan, plan.definition)
  return {
    ...counts(plan, deps),
    offsets: [],
    changed: plan.changed,
    queryable: false,
    replayed: false,
    inferred: plan.changed ? plan.definition : undefined,
  }
}

function counts({ good, bad }: Plan, { limits }: Deps): Pick<Answer, 'accepted' | 'quarantined' | 'errors'> {
  const errors = bad.slice(0, limits.maxErrors).map(({ row, column, reason }) => ({ row, column, reason }))
  return { accepted: good.length, quarantined: bad.length, errors }
}

function rejected({ good, bad }: Plan, definition: Definition | undefined): Failure {
  const errors = bad.slice(0, 10).map(({ row, column, reason }) => ({
    pointer: column === '' ? `/${row}` : `/${row}/${column}`,
    reason,
  }))
  if (definition === undefined) {
    const detail = bad.length === 0 ? 'There is no row with a value' : 'No row can be read'
    return new Failure('stream.rejected', `${detail}, so the stream was not created and nothing was written.`, {
      hint: 'A stream is created from the first batch that has a good row; or declare it with PUT /v1/streams/{name}.',
      errors,
    })
  }
  return new Failure(
    'stream.rejected',
    `${bad.length} of ${good.length + bad.length} rows are bad, so nothing was written.`,
    {
      errors,
    },
  )
}
