import type { JsonObject } from '@bufbuild/protobuf'
import type { ControlTx } from '../storage/control.ts'
import { mask, masked } from './mask.ts'
import { appendEntries } from './store.ts'

/** Who did it: a Context is one. */
export interface Author {
  readonly actor: { readonly workspace: string; readonly id: string }
  readonly requestId: string
}

export interface Change {
  /** The method of the API that does it: `create_key`. */
  readonly action: string
  /** `key/key_…` */
  readonly resource: string
  /** What about it, for whoever asks later: no secret, and no more of people than their ids. */
  readonly detail?: JsonObject
}

/**
 * Puts a change into the audit log of the actor's workspace, in the transaction that makes the change: there is never one
 * without the other. To be called last in it, because others of the workspace wait from here on.
 */
export async function record(tx: ControlTx, { actor, requestId }: Author, change: Change): Promise<void> {
  await appendEntries(tx, actor.workspace, [
    {
      actor: actor.id,
      action: change.action,
      resource: mask(change.resource),
      outcome: 'done',
      code: '',
      detail: masked(change.detail ?? {}),
      requestId,
    },
  ])
}

/** The installation itself, in the chain of a workspace; without one in its own. */
export function itself(workspace = ''): Author {
  return { actor: { workspace, id: 'system' }, requestId: '' }
}
