import { Failure } from '#mesh/errors.ts'
import type { Route } from '#proto/edgewise/config/v1/gateway_pb.ts'

export interface Target {
  readonly workspace: string
  /** Below the workspace, as it came: `/shop/items/1`. */
  readonly path: string
  /** With its `?`; empty where there is none. */
  readonly search: string
}

const prefix = '/r/'

/** Which workspace's path a request is for: `/r/{workspace}/{path}`. */
export function targetOf(url: string): Target {
  const at = url.indexOf('/', 8)
  const hash = url.indexOf('#', at)
  const text = url.slice(at + prefix.length, hash === -1 ? undefined : hash)
  const query = text.indexOf('?')
  const whole = query === -1 ? text : text.slice(0, query)
  const slash = whole.indexOf('/')
  return {
    workspace: slash === -1 ? whole : whole.slice(0, slash),
    path: slash === -1 ? '/' : whole.slice(slash),
    search: query === -1 ? '' : text.slice(query),
  }
}

/** Where the upstream has it. Fails for what the upstream could read as another path than the one that was matched. */
export function upstreamUrl({ upstream, path: matched, keepPath }: Route, { path, search }: Target): string {
  if (isAmbiguous(path)) {
    throw new Failure('request.invalid', 'The path can be read in more than one way.', {
      hint: 'Send a path without dot segments, backslashes and control characters, encoded or not.',
      errors: [{ pointer: 'path', reason: 'is ambiguous' }],
    })
  }
  const rest = keepPath || matched === '/' ? path : path.slice(matched.length)
  return (upstream.endsWith('/') ? upstream.slice(0, -1) : upstream) + (rest === '/' && keepPath ? '' : rest) + search
}

/** Whether somebody could read a path otherwise than it was matched. */
export function isAmbiguous(path: string): boolean {
  if (!path.includes('%') && !path.includes('.') && /^[\x21-\x5b\x5d-\x7e]*$/.test(path)) return false
  let text: string
  try {
    text = decodeURIComponent(path)
  } catch {
    return true
  }
  return /[\\\p{Cc}]/u.test(text) || /(?:^|\/)\.{1,2}(?:;[^/]*)?(?:\/|$)/.test(text)
}
