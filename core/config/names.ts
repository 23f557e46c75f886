import { Failure } from '#mesh/errors.ts'
import type { ControlTx } from '../storage/control.ts'
import { deleteName, insertName, type NameKind } from './store.ts'

const shape = /^[a-z][a-z0-9_]{0,47}$/

/** Fails unless a person may give this name to something. */
export function checkName(name: string, pointer: string): void {
  if (shape.test(name)) return
  throw new Failure('request.invalid', `\`${name.slice(0, 64)}\` is not a name.`, {
    hint: 'A name is 1 to 48 characters: a lower-case letter, then lower-case letters, digits and underscores.',
    errors: [{ pointer, reason: 'must match [a-z][a-z0-9_]{0,47}' }],
  })
}

/** Takes the name for one kind of thing; a no-op where that kind has it already, a failure where another has. */
export async function claimName(tx: ControlTx, workspace: string, name: string, kind: NameKind): Promise<void> {
  const holder = await insertName(tx, workspace, name, kind)
  if (holder === kind) return
  throw new Failure('resource.exists', `\`${name}\` is already the name of a ${holder}.`, {
    hint: 'Streams, queries, models and topics share one namespace: choose another name.',
  })
}

export const releaseName = deleteName
