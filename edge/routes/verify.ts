import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { Failure } from '#mesh/errors.ts'
import { allows } from '#mesh/scopes.ts'
import type { Session } from '../auth/sessions.ts'
import type { Deps } from '../deps.ts'
import type { Decision } from '../limit/limiter.ts'
import { type AppContext, type AppEnv, backgroundOf } from './context.ts'
import { failures, json, jsonBody, query } from './schemas.ts'

const Ask = z
  .strictObject({
    key: z.string().min(1).max(512),
    scopes: z
      .array(z.string().max(200))
      .max(20)
      .optional()
      .openapi({ description: 'It must have all of these', example: ['app:invoices:read'] }),
    cost: z.int().min(0).max(1_000_000).optional().openapi({ description: 'Charged to its limit; 1 if absent' }),
  })
  .openapi('VerifyKey')
export const Standing = z.object({
  limit: z.int(),
  remaining: z.int(),
  reset_s: z.int(),
  retry_after_s: z.int().optional(),
})
const Answer = z
  .object({
    valid: z.boolean(),
    code: z.enum(['VALID', 'NOT_FOUND', 'INSUFFICIENT_SCOPES', 'RATE_LIMITED']),
    key_id: z.string().optional(),
    subject: z.string().optional(),
    scopes: z.array(z.string()).optional(),
    meta: z.record(z.string(), z.json()).optional().openapi({ type: 'object' }),
    limits: Standing.optional(),
  })
  .openapi('VerifiedKey')

const verify = createRoute({
  tags: ['keys'],
  summary: 'Whether a key of this workspace holds, for your own services',
  description: 'Answers 200 either way. An unknown, expired, revoked and foreign key are all NOT_FOUND.',
  method: 'post',
  path: '/v1/keys/verify',
  request: { query: query({}), ...jsonBody(Ask) },
  responses: { 200: json('What the key is', Answer), ...failures },
})

/** What guards our endpoints guards a user's own. Decided here; the core is asked about a key that is not known yet. */
export function verifying(app: OpenAPIHono<AppEnv>, { sessions }: Deps): void {
  app.openapi(verify, async (c) => {
    const { key, scopes = [], cost = 1 } = c.req.valid('json')
    const { actor: caller } = c.var.session
    if (!allows(caller.scopes, 'keys:verify')) throw new Failure('auth.scope', 'This needs the scope keys:verify.')
    const shown = await find(c, sessions, key)
    if (shown === undefined || shown.actor.workspace !== caller.workspace)
      return c.json({ valid: false, code: 'NOT_FOUND' as const }, 200)
    const { actor } = shown
    const about = {
      key_id: actor.id,
      ...(actor.subject !== '' && { subject: actor.subject }),
      scopes: actor.scopes,
      ...(actor.meta !== '' && { meta: JSON.parse(actor.meta) as z.output<typeof Answer>['meta'] }),
    }
    if (!scopes.every((scope) => has(actor.scopes, scope))) {
      return c.json({ valid: false, code: 'INSUFFICIENT_SCOPES' as const, ...about }, 200)
    }
    const decision = cost > 0 ? await shown.meter.acquire(cost, backgroundOf(c)) : undefined
    const limits = decision === undefined || decision.policy.limit === 0 ? {} : { limits: standingOf(decision) }
    if (decision?.allowed === false)
      return c.json({ valid: false, code: 'RATE_LIMITED' as const, ...about, ...limits }, 200)
    return c.json({ valid: true, code: 'VALID' as const, ...about, ...limits }, 200)
  })
}

async function find(c: AppContext, sessions: Deps['sessions'], key: string): Promise<Session | undefined> {
  try {
    return await sessions.lookUp(key, c.var.requestId, backgroundOf(c))
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.problem === 'auth.invalid') return undefined
    throw thrown
  }
}

/** A scope without a name covers every name of it, for a user's own scopes as for ours. */
function has(held: readonly string[], needed: string): boolean {
  const [resource, verb] = needed.split(':')
  return held.some((scope) => scope === needed || scope === `${resource}:${verb}` || scope === `${resource}:${verb}:*`)
}

/** How somebody stands with a limit. */
export function standingOf({ policy, remaining, resetMs, retryAfterMs }: Decision) {
  return {
    limit: policy.limit,
    remaining,
    reset_s: Math.ceil(resetMs / 1000),
    ...(retryAfterMs > 0 && { retry_after_s: Math.ceil(retryAfterMs / 1000) }),
  }
}
