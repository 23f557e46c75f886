import type { MiddlewareHandler } from 'hono'
import { Failure } from '#mesh/errors.ts'
import type { Deps } from '../deps.ts'
import { type AppEnv, backgroundOf } from '../routes/context.ts'
import { isSession, refuseForgery } from './cookie.ts'
import { credentialOf } from './credential.ts'
import { comesFromAnywhere, refuseElsewhere } from './place.ts'

/**
 * Who is asking. Without the core a credential that is known here may go on, to cached answers only. `read`: where clients
 * of another protocol put it.
 */
export function authenticate(
  { sessions, feed, settings, metrics }: Deps,
  read: (headers: Headers) => string | Failure = credentialOf,
): MiddlewareHandler<AppEnv> {
  return async function authenticate(c, next) {
    const background = backgroundOf(c)
    const credential = read(c.req.raw.headers)
    if (credential instanceof Failure) {
      metrics.count('strangers')
      throw credential
    }
    if (isSession(credential)) await refuseForgery(c.req.raw, credential)
    // First the feed: what it says to forget must be forgotten before anything known is relied on.
    const known = sessions.peek(credential) !== undefined
    // Its first word is to forget everything, so it comes before there is anything.
    const settled = known || !feed.begun() ? await feed.settle(background) : true
    if (known && !settled && feed.ageMs() > settings.AUTH_STALE_SECONDS * 1000) {
      throw new Failure('core.unavailable', 'The credential cannot be verified now.', { retryAfterMs: 2_000 })
    }
    try {
      const session = await sessions.open(credential, c.var.requestId, background)
      c.set('session', session)
      if (!comesFromAnywhere(session.actor)) {
        refuseElsewhere(session.actor, c.req.raw, settings.CLIENT_ADDRESS_HEADER)
      }
    } catch (thrown) {
      metrics.count('strangers')
      throw thrown
    }
    c.set('credential', credential)
    c.set('degraded', !settled)
    await next()
  }
}
