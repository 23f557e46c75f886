import type { Route } from '#proto/edgewise/config/v1/gateway_pb.ts'
import type { Deps } from '../deps.ts'
import { callerHeaders, type HeaderRecord } from './headers.ts'
import type { Outgoing } from './upstreams.ts'

/** Asks the upstream, and answers what it answers as it comes. `headers` are added to its own. */
export async function exchange(
  { upstreams, sleep }: Pick<Deps, 'upstreams' | 'sleep'>,
  workspace: string,
  route: Route,
  outgoing: Outgoing,
  headers?: Readonly<HeaderRecord>,
): Promise<Response> {
  const response = await upstreams.send(workspace, route, outgoing)
  // A small body is there by the next turn: then it leaves together with the head, which costs a tenth less.
  await sleep(0)
  return passed(response, headers)
}

export function passed({ status, statusText, body, headers }: Response, more?: Readonly<HeaderRecord>): Response {
  return new Response(body, { status, statusText, headers: Object.assign(callerHeaders(headers), more) })
}
