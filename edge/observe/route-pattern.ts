import { matchedRoutes } from 'hono/route'
import type { AppContext } from '../routes/context.ts'

/** The pattern of the route that answered, never the raw path; `*` where there is none. */
export function routePattern(c: AppContext): string {
  if (c.req.path.startsWith('/r/')) return '/r/*'
  return matchedRoutes(c).findLast(({ path }) => !path.includes('*'))?.path ?? '*'
}
