import type { Client } from '#mesh/rpc/call.ts'
import { Change_Kind } from '#proto/edgewise/config/v1/config_pb.ts'
import type { ModelService, Serving } from '#proto/edgewise/model/v1/model_pb.ts'
import type { Feed } from '../changes/feed.ts'
import { createKnowledge, type Knowledge, type Known } from '../changes/known.ts'
import type { Background } from '../core.ts'
import type { Models } from './models.ts'

const timeoutMs = 5_000

export interface ServingsDeps {
  readonly model: Pick<Client<typeof ModelService>, 'getServing'>
  readonly feed: Feed
  readonly models: Pick<Models, 'has' | 'load'>
}

/**
 * How models predict now: which version, which file, where. Where the file of a version is here, that of the one that
 * takes its place is loaded as soon as it is known, so that nobody waits for it.
 */
export function createServings({ model, feed, models }: ServingsDeps): Knowledge<Serving> {
  const servings: Knowledge<Serving> = createKnowledge({
    feed,
    kind: Change_Kind.MODEL,
    ask: (which, options) => model.getServing(which, options),
    onChanged(before, background) {
      if (before.version !== 0 || !models.has(before.said.sha256)) return
      // Nobody waits for it: whoever needs it and does not find it says so.
      background.waitUntil(warm(before, background).catch(() => undefined))
    },
  })

  /** By this edge's own credential, as it is for whoever comes. */
  async function warm({ workspace, name }: Known<Serving>, background: Background): Promise<void> {
    const { said } = await servings.get(workspace, name, 0, { timeoutMs })
    for (const serving of [said, said.candidate?.serving]) {
      if (serving !== undefined && !serving.coreOnly) await models.load(serving.sha256, { background })
    }
  }

  return servings
}
