import type { Client } from '#mesh/rpc/call.ts'
import { Change_Kind } from '#proto/edgewise/config/v1/config_pb.ts'
import type { ModelService, Serving } from '#proto/edgewise/model/v1/model_pb.ts'
import type { Feed } from '../changes/feed.ts'
import { asCaller, type Caller } from '../core.ts'

const maxServings = 5_000

export interface ServingsDeps {
  readonly model: Pick<Client<typeof ModelService>, 'getServing'>
  readonly feed: Feed
}

/** How models predict now, as this isolate knows it: which version, which file, where. */
export function createServings({ model, feed }: ServingsDeps) {
  const known = new Map<string, { readonly workspace: string; readonly serving: Serving }>()

  feed.onChange((change) => {
    if (change !== undefined && change.kind !== Change_Kind.MODEL) return
    for (const [key, { workspace, serving }] of known) {
      if (change === undefined || (workspace === change.workspace && serving.name === change.name)) known.delete(key)
    }
  })

  return {
    peek: (workspace: string, name: string, version: number) => known.get(`${workspace}/${name}/${version}`)?.serving,

    /** Version 0 is the live one. */
    async get(workspace: string, name: string, version: number, caller: Caller): Promise<Serving> {
      const key = `${workspace}/${name}/${version}`
      const found = known.get(key)
      if (found !== undefined) return found.serving
      const before = feed.version(workspace)
      const serving = await model.getServing({ name, version }, asCaller(caller))
      if (feed.version(workspace) === before) {
        if (known.size >= maxServings) known.clear()
        known.set(key, { workspace, serving })
      }
      return serving
    },
  }
}
