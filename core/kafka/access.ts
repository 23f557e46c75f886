import { Failure } from '#mesh/errors.ts'
import { allows, type Scope } from '#mesh/scopes.ts'
import { authorise, type Context } from '../context.ts'
import { kindsOf } from '../config/index.ts'
import type { KafkaDeps } from './deps.ts'
import { checkTopic } from './names.ts'
import { type TopicRow, topicsByName } from './store.ts'

/** Row filters are of streams: for an actor that has any there are no topics. */
export function seesTopics({ actor }: Context): boolean {
  return actor.filters.length === 0
}

export function noSuchTopic(name: string): Failure {
  return new Failure('resource.not_found', `There is no topic \`${name.slice(0, 64)}\`.`, {
    hint: 'GET /kafka/topics lists them. Producing to one makes it, with a key that has topics:create.',
  })
}

/** Whether the actor holds the scope for any name: it sees of a list what it may. */
export function authoriseSome(ctx: Context, needed: Scope): void {
  if (ctx.actor.scopes.some((scope) => scope === needed || scope.startsWith(`${needed}:`))) return
  authorise(ctx, needed)
}

export function mayRead(ctx: Context, topic: string): boolean {
  return seesTopics(ctx) && allows(ctx.actor.scopes, 'topics:read', topic)
}

/** The topics that a request reads, each of which must be there and the actor's to read. */
export async function readable(
  deps: KafkaDeps,
  ctx: Context,
  named: readonly { readonly topic: string; readonly pointer: string }[],
): Promise<ReadonlyMap<string, TopicRow>> {
  const names = [...new Set(named.map(({ topic }) => topic))]
  for (const name of names) authorise(ctx, 'topics:read', name)
  for (const { topic, pointer } of named) checkTopic(topic, pointer)
  const rows = seesTopics(ctx) ? await topicsByName(deps.db, ctx.actor.workspace, names) : []
  const found = new Map(rows.map((row) => [row.name, row]))
  for (const { topic, pointer } of named) {
    if (found.has(topic)) continue
    const kinds = await kindsOf(deps.db, ctx.actor.workspace, [topic])
    const { filters } = ctx.actor
    const isVisible = filters.length === 0 || filters.some(({ stream }) => stream === topic)
    throw kinds.get(topic) === 'stream' && isVisible ? notByTopic(topic, pointer) : noSuchTopic(topic)
  }
  return found
}

/** Who may see which rows, and what of them, is decided where SQL is read. */
function notByTopic(name: string, pointer: string): Failure {
  return new Failure('request.invalid', `\`${name}\` is a stream, which is not read as a topic.`, {
    hint: `Read it by SQL (\`SELECT * FROM ${name}\` to POST /v1/sql), which holds to row filters and masks.`,
    errors: [{ pointer, reason: 'is a stream' }],
  })
}

export function checkPartition(topic: TopicRow, partition: number, pointer: string): void {
  if (partition < topic.partitions) return
  throw new Failure('request.invalid', `\`${topic.name}\` has no partition ${partition}.`, {
    errors: [{ pointer, reason: `must be 0 to ${topic.partitions - 1}` }],
  })
}

/** How many things a request may name. */
export function checkCount(count: number, most: number, pointer: string): void {
  if (count >= 1 && count <= most) return
  throw new Failure('request.invalid', `${pointer} has ${count} entries.`, {
    errors: [{ pointer, reason: `must have 1 to ${most} entries` }],
  })
}
