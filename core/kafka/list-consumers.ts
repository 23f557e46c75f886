import type { Context } from '../context.ts'
import { authoriseSome, mayRead } from './access.ts'
import type { KafkaDeps } from './deps.ts'
import { heldBy, living, parsePlace } from './group.ts'
import { groupsOf } from './store.ts'

interface Instance {
  readonly name: string
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[]
}

/** The groups that somebody reads for, and what of it the actor may read. */
export async function listConsumers(
  { db, now }: KafkaDeps,
  ctx: Context,
): Promise<readonly { readonly name: string; readonly instances: readonly Instance[] }[]> {
  authoriseSome(ctx, 'topics:read')
  const at = now()
  return (await groupsOf(db, ctx.actor.workspace)).flatMap(({ name, members }) => {
    const instances = [...living(new Map(members), at).live].flatMap(([instance, member]) =>
      member.topics.every((topic) => mayRead(ctx, topic))
        ? [{ name: instance, partitions: heldBy(member).map(([place]) => parsePlace(place)) }]
        : [],
    )
    return instances.length === 0 ? [] : [{ name, instances: instances.toSorted((a, b) => (a.name < b.name ? -1 : 1)) }]
  })
}
