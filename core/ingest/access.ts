import { allows } from '#mesh/scopes.ts'
import { Failure } from '#mesh/errors.ts'
import { authorise, type Context } from '../context.ts'
import type { Stream } from './streams.ts'

/** For a filtered actor a stream without a filter does not exist; for all others every stream of the workspace does. */
export function isVisible(ctx: Context, name: string): boolean {
  const { filters } = ctx.actor
  return filters.length === 0 || filters.some((filter) => filter.stream === name)
}

export function noSuchStream(name: string): Failure {
  return new Failure('stream.not_found', `There is no stream \`${name.slice(0, 64)}\`.`)
}

/** Whether the actor may make this stream. */
export function mayCreate(ctx: Context): boolean {
  return ctx.actor.filters.length === 0 && allows(ctx.actor.scopes, 'streams:create')
}

/** What removes rows, or brings them back, does so to those too that an actor with filters does not see. */
export function refuseFiltered(ctx: Context): void {
  if (ctx.actor.filters.length === 0) return
  throw new Failure('auth.scope', 'A key with filters cannot remove or bring back rows that it may not see.', {
    hint: 'Use a key without filters.',
  })
}

/** The system's streams are written by the system. */
export function refuseSystem(name: string): void {
  if (!name.startsWith('_')) return
  throw new Failure('request.invalid', `\`${name.slice(0, 64)}\` is the system’s and read-only.`, {
    hint: 'Names of your own begin with a letter.',
    errors: [{ pointer: 'stream', reason: 'must not begin with `_`' }],
  })
}

/** Refused rows are not sorted by any filter, so an actor with filters sees none of them. */
export function authoriseQuarantine(ctx: Context, verb: 'read' | 'write', stream: string): void {
  authorise(ctx, `quarantine:${verb}`, stream)
  if (ctx.actor.filters.length > 0) {
    throw new Failure('auth.scope', 'A key with filters has no access to the quarantine.', {
      hint: 'Use a key without filters.',
    })
  }
}

/** Whether the actor may see what a stream's rows hold. Of a refused row it is not known where in it personal data is. */
export function seesRefused({ actor }: Context, { name, definition }: Pick<Stream, 'name' | 'definition'>): boolean {
  return allows(actor.scopes, 'pii:read', name) || !definition.columns.some(({ pii }) => pii)
}

/** In the place of a reason that may quote a row. */
export const withheld = 'withheld: the stream has personal data, which needs pii:read'
