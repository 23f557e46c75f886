import { create } from '@bufbuild/protobuf'
import type { Service } from '#mesh/rpc/call.ts'
import { Change_Kind, type ConfigService, WatchResponseSchema } from '#proto/edgewise/config/v1/config_pb.ts'
import { contextOf } from '../context.ts'
import { type Deps, watch } from './watch.ts'

const kinds = {
  key: Change_Kind.KEY,
  query: Change_Kind.QUERY,
  workspace: Change_Kind.WORKSPACE,
  stream: Change_Kind.STREAM,
  session: Change_Kind.SESSION,
  issuer: Change_Kind.ISSUER,
  route: Change_Kind.ROUTE,
  limit: Change_Kind.LIMIT,
  model: Change_Kind.MODEL,
} as const

export function configService(deps: Deps): Service<typeof ConfigService> {
  return {
    async watch(request, call) {
      const feed = await watch(deps, contextOf(call), request.since)
      return create(WatchResponseSchema, {
        cursor: feed.cursor,
        reset: feed.reset,
        changes: feed.changes.map((change) => ({
          kind: kinds[change.kind],
          workspace: change.workspace,
          name: change.name,
        })),
      })
    },
  }
}
