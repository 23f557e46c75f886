import { Failure, type ProblemCode, refusals } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import type { Refusal } from './refusals.ts'

const maxReported = 1_000

/** Takes what edges refused by themselves to actors that they know. */
export function reportRefusals(
  { note }: { readonly note: (refusal: Refusal) => void },
  ctx: Context,
  reported: readonly Refusal[],
): void {
  if (!ctx.actor.scopes.includes('internal:edge')) throw new Failure('auth.scope', 'Only edges may report refusals.')
  if (reported.length > maxReported) {
    throw new Failure('request.too_large', `A call carries at most ${maxReported} refusals.`)
  }
  for (const refusal of reported) {
    if (/^[a-z][a-z0-9_]{0,47}$/.test(refusal.workspace) && refusals.has(refusal.code as ProblemCode)) note(refusal)
  }
}
