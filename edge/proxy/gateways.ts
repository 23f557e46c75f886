import type { Client } from '#mesh/rpc/call.ts'
import { Change_Kind } from '#proto/edgewise/config/v1/config_pb.ts'
import type { GatewayService, NamedLimit, Route } from '#proto/edgewise/config/v1/gateway_pb.ts'
import type { Feed } from '../changes/feed.ts'

/** Of all workspaces together; then everything is forgotten. */
const maxEntries = 50_000
/** As core/config allows it. */
const longestPath = 200

/** What a workspace has the edge guard, as this isolate knows it. */
export interface Gateway {
  /** The route with the longest path that the path is below, segment by segment. */
  routeOf(path: string): Route | undefined
  limitOf(name: string): NamedLimit | undefined
}

export interface GatewaysDeps {
  readonly gateway: Pick<Client<typeof GatewayService>, 'getGateway'>
  readonly feed: Feed
}

export function createGateways({ gateway, feed }: GatewaysDeps) {
  const known = new Map<string, Gateway>()
  const asking = new Map<string, Promise<Gateway>>()
  let entries = 0

  function clear(): void {
    known.clear()
    entries = 0
  }

  feed.onChange((change) => {
    if (change === undefined) clear()
    else if (change.kind === Change_Kind.ROUTE || change.kind === Change_Kind.LIMIT) known.delete(change.workspace)
  })

  async function ask(workspace: string, requestId: string): Promise<Gateway> {
    const before = feed.version(workspace)
    const { routes, limits } = await gateway.getGateway({ workspace }, { metadata: { 'x-request-id': requestId } })
    const found = gatewayOf(routes, limits)
    if (feed.version(workspace) === before) {
      entries += 1 + routes.length + limits.length
      if (entries > maxEntries) clear()
      known.set(workspace, found)
    }
    return found
  }

  return {
    peek: (workspace: string) => known.get(workspace),

    /** Whoever changed something here need not wait for the feed to see it. */
    forget: (workspace: string) => void known.delete(workspace),

    async get(workspace: string, requestId: string): Promise<Gateway> {
      const found = known.get(workspace)
      if (found !== undefined) return found
      let work = asking.get(workspace)
      if (work === undefined) {
        work = ask(workspace, requestId).finally(() => asking.delete(workspace))
        asking.set(workspace, work)
      }
      return work
    },
  }
}

function gatewayOf(routes: readonly Route[], limits: readonly NamedLimit[]): Gateway {
  const byPath = new Map(routes.map((route) => [route.path, route]))
  const byName = new Map(limits.map((limit) => [limit.name, limit]))
  return {
    limitOf: (name) => byName.get(name),
    routeOf(path) {
      let end = path.length > longestPath ? path.lastIndexOf('/', longestPath) : path.length
      while (end > 0) {
        const found = byPath.get(path.slice(0, end))
        if (found !== undefined) return found
        end = path.lastIndexOf('/', end - 1)
      }
      return byPath.get('/')
    },
  }
}
