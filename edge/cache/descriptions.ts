import type { Client } from '#mesh/rpc/call.ts'
import { Change_Kind } from '#proto/edgewise/config/v1/config_pb.ts'
import type { Query, QueryService } from '#proto/edgewise/query/v1/query_pb.ts'
import type { Feed } from '../changes/feed.ts'
import { asCaller, type Caller } from '../core.ts'

const maxDescriptions = 5_000

/** A published query as this isolate knows it. */
export interface Description {
  readonly workspace: string
  readonly query: Query
  /** False once the feed has said that it changed. */
  current: boolean
}

export interface DescriptionsDeps {
  readonly query: Pick<Client<typeof QueryService>, 'describeQuery'>
  readonly feed: Feed
}

/** What an edge must know of a published query: version, parameters, cache policy, limit. */
export function createDescriptions({ query, feed }: DescriptionsDeps) {
  const known = new Map<string, Description>()

  feed.onChange((change) => {
    if (change !== undefined && change.kind !== Change_Kind.QUERY) return
    for (const [key, description] of known) {
      const hit = description.workspace === change?.workspace && description.query.name === change.name
      if (change !== undefined && !hit) continue
      description.current = false
      known.delete(key)
    }
  })

  return {
    peek: (workspace: string, name: string, version: number) => known.get(`${workspace}/${name}/${version}`),

    async get(workspace: string, name: string, version: number, caller: Caller): Promise<Description> {
      const key = `${workspace}/${name}/${version}`
      const found = known.get(key)
      if (found !== undefined) return found
      const before = feed.version(workspace)
      const description = {
        workspace,
        query: await query.describeQuery({ name, version }, asCaller(caller)),
        current: feed.version(workspace) === before,
      }
      if (description.current) {
        if (known.size >= maxDescriptions) known.clear()
        known.set(key, description)
      }
      return description
    },
  }
}
