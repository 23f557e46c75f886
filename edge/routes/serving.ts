import { Failure } from '#mesh/errors.ts'
import { allows } from '#mesh/scopes.ts'
import { asCaller } from '../core.ts'
import type { Deps } from '../deps.ts'
import { type Arm, armOf } from '../inference/arm.ts'
import { climb, type Predicted, type Rows } from '../inference/ladder.ts'
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
    : await servings.get(actor.workspace, name, version, asCaller(callerOf(c)))
  if (known === undefined) throw new Failure('core.unavailable', 'The core does not answer.', { retryAfterMs: 2_000 })
  return armOf(known.said, subject || actor.subject || actor.id)
}

/** What a version says of rows, paid for, and the headers that say where it comes from. */
export async function predictRows(
  c: AppContext,
  deps: Pick<Deps, 'models' | 'core' | 'sleep' | 'served'>,
  found: Arm,
  rows: Rows,
): Promise<{ readonly predicted: Predicted; readonly headers: Record<string, string> }> {
  const cost = costOf(rows)
  c.set('cost', cost)
  c.set('version', found.serving.version)
  await charge(c, c.var.session.meter, cost - 1)
  const background = backgroundOf(c)
  const ask = { ...rows, caller: callerOf(c), background, degraded: c.var.degraded }
  const predicted = await climb(deps, found.serving, ask)
  c.set('version', predicted.serving.version)
  recordServed(deps, c.var, found, { ...predicted, rows: rows.rows }, background)
  return { predicted, headers: provenance(predicted, found, cost) }
}

/** A hundred rows cost what a request does. */
export function costOf({ rows }: Rows): number {
  return Math.max(1, Math.ceil(rows.length / 100))
}

/** Where an answer comes from. */
export function provenance(predicted: Predicted, { arm }: Pick<Arm, 'arm'>, cost: number): Record<string, string> {
  const { serving, placement, fallback } = predicted
  const { name, version, sha256 } = serving
  const instead = fallback === undefined ? '' : `; fallback=${fallback}`
  return {
    'edgewise-model': `${name}@${version}; placement=${placement}; sha256=${sha256}${arm}${instead}`,
    'edgewise-cost': String(cost),
    ...(fallback !== undefined && { 'edgewise-fallback': fallback }),
  }
}
