import { Failure } from '#mesh/errors.ts'
import { checkName } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import { resources, type ResourceName } from './resources.ts'
import type { Place } from './store.ts'

/** Which entries are asked for, of the caller's workspace. */
export interface Where {
  readonly resource: ResourceName
  readonly collection: string
}

/** Opens every verb: the caller may do this with the entries there. */
export function placeOf(ctx: Context, verb: 'read' | 'write', { resource, collection }: Where): Place {
  const { hasCollections } = resources[resource]
  authorise(ctx, `${resource}:${verb}`, hasCollections ? collection : undefined)
  // Its filters are for rows of streams: what they would hide here is not known.
  if (ctx.actor.filters.length > 0) {
    throw new Failure('auth.scope', 'A key with filters has no access to the catalogue.', {
      hint: `Use a key without filters, or read _${resource} with SQL, where filters hold.`,
    })
  }
  if (hasCollections) checkName(collection, '/collection')
  else if (collection !== '') {
    throw new Failure('request.invalid', `There are no collections of ${resource}.`, {
      errors: [{ pointer: '/collection', reason: 'must be empty' }],
    })
  }
  return { workspace: ctx.actor.workspace, collection }
}

const idShape = /^[A-Za-z0-9][\w.:~@+-]{0,127}$/

/** What is wrong with an id; undefined where nothing is. */
export function idProblem(id: unknown): string | undefined {
  if (typeof id === 'string' && idShape.test(id)) return undefined
  return 'must be 1 to 128 letters, digits and any of _ . : ~ @ + -, beginning with a letter or a digit'
}

export function checkId({ resource }: Where, id: string): void {
  const reason = idProblem(id)
  if (reason === undefined) return
  const { id: name } = resources[resource]
  throw new Failure('request.invalid', `\`${id.slice(0, 64)}\` is no ${name}.`, {
    hint: `It ${reason}.`,
    errors: [{ pointer: `/${name}`, reason }],
  })
}

export function noEntry({ resource }: Where, id: string): Failure {
  const { id: name } = resources[resource]
  return new Failure('resource.not_found', `There is nothing in ${resource} with the ${name} \`${id.slice(0, 128)}\`.`)
}
