import type { Context } from '../context.ts'
import { authoriseSome, mayRead } from './access.ts'
import type { KafkaDeps } from './deps.ts'
import { type TopicRow, topicsOf } from './store.ts'

/** Those that the actor may read. */
export async function listTopics({ db }: KafkaDeps, ctx: Context): Promise<readonly TopicRow[]> {
  authoriseSome(ctx, 'topics:read')
  return (await topicsOf(db, ctx.actor.workspace)).filter(({ name }) => mayRead(ctx, name))
}
