import { Failure } from '#mesh/errors.ts'
import { allows } from '#mesh/scopes.ts'
import type { Deps } from '../deps.ts'
import { type Arm, armOf } from '../inference/arm.ts'
import { type Ask, climb, type Predicted } from '../inference/ladder.ts'
import { recordServed } from '../inference/record-served.ts'
import { charge } from '../limit/enforce.ts'
import { type AppContext, backgroundOf, callerOf } from './context.ts'

export type { Arm }

export function checkMayPredict({ var: { session } }: AppContext, name: string): void {
  if (allows(session.actor.scopes, 'models:predict', name)) return
  throw new Failure('auth.scope', `This needs the scope models:predict:${name}.`)
}

/** The version that a subject gets, or else the caller; 0 is the live one, or one that is rolled out. */
export async function findArm(
  c: AppContext,
  { servings }: Pick<Deps, 'servings'>,
  { name, version, subject = '' }: { readonly name: string; readonly version: number; readonly subject?: string },
): Promise<Arm> {
  const { actor } = c.var.session
  const known = c.var.degraded
    ? servings.peek(actor.workspace, name, version)
    : await servings.get(actor.workspace, name, version, callerOf(c))
  if (known === undefined) throw new Failure('core.unavailable', 'The core does not answer.', { retryAfterMs: 2_000 })
  return armOf(known, subject || actor.subject || actor.id)
}

/** What a version says of rows, paid for, and the headers that say where it comes from. */
export async function predictRows(
  c: AppContext,
  deps: Pick<Deps, 'models' | 'core' | 'served'>,
  found: Arm,
  { rows, explain }: Pick<Ask, 'rows' | 'explain'>,
): Promise<{ readonly predicted: Predicted; readonly headers: Record<string, string> }> {
  const { serving, arm } = found
  // A hundred rows cost what a request does.
  const cost = Math.max(1, Math.ceil(rows.length / 100))
  c.set('cost', cost)
  c.set('version', serving.version)
  await charge(c, c.var.session.meter, cost - 1)
  const background = backgroundOf(c)
  const { degraded } = c.var
  const predicted = await climb(deps, serving, { rows, explain, caller: callerOf(c), background, degraded })
  recordServed(deps, c.var, found, { rows, ...predicted }, background)
  const { name, version, sha256 } = serving
  const headers = {
    'edgewise-model': `${name}@${version}; placement=${predicted.placement}; sha256=${sha256}${arm}`,
    'edgewise-cost': String(cost),
    ...(predicted.fallback !== undefined && { 'edgewise-fallback': predicted.fallback }),
  }
  return { predicted, headers }
}
