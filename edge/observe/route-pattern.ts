import { matchedRoutes } from 'hono/route'
import type { AppContext } from '../routes/context.ts'

/** The pattern of the route that answered, never the raw path; `*` where there is none. */
export function routePattern(c: AppContext): string {
  return matchedRoutes(c).findLast(({ path }) => !path.includes('*'))?.path ?? '*'
}
