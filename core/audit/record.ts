import type { JsonObject } from '@bufbuild/protobuf'
import type { ControlTx } from '../storage/control.ts'
import { mask, masked } from './mask.ts'
import { appendEntries } from './store.ts'

/** Who did it: a Context is one. */
export interface Author {
  readonly actor: { readonly workspace: string; readonly id: string }
  readonly requestId: string
  /** Where the request came from, as the edge saw it. */
  readonly address?: string | undefined
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
export async function record(tx: ControlTx, author: Author, change: Change): Promise<void> {
  const { actor, requestId } = author
  await appendEntries(tx, actor.workspace, [
    {
      actor: actor.id,
      action: change.action,
      resource: mask(change.resource),
      outcome: 'done',
      code: '',
      detail: detailOf(author, change),
      requestId,
    },
  ])
}

export function detailOf({ address = '' }: Author, { detail }: Change): unknown {
  return masked({ ...detail, ...(address !== '' && { address }) })
}

/** The installation itself, in the chain of a workspace; without one in its own. */
export function itself(workspace = ''): Author {
  return { actor: { workspace, id: 'system' }, requestId: '' }
}
