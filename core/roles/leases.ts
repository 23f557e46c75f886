import { hostname } from 'node:os'
import { resolve } from 'node:path'
import type { Logger } from 'pino'
import { Failure } from '#mesh/errors.ts'
import { type Role, roleOf } from '#mesh/roles.ts'
import type { Interceptor } from '#mesh/rpc/call.ts'
import { type Lease, openLease, unshared } from '../config/index.ts'
import type { Control } from '../storage/control.ts'
import { type DataDirectory, installationOf } from '../storage/directory.ts'

/** The same after a restart, and not that of a copy of the directory. */
export function holderOf(directory: DataDirectory): string {
  return `${installationOf(directory)} ${hostname()} ${resolve(directory.path)}`
}

export type Leases = Readonly<Record<Role, Lease>>

/**
 * Of these roles one process answers at a time, and others stand by: `ingest` changes streams under locks of its own, which
 * its sink must know of, and `model` has its artefacts in its data directory.
 */
export const singleRoles: readonly Role[] = ['ingest', 'model']

export interface LeasesOptions {
  readonly control: Control
  readonly roles: ReadonlySet<string>
  /** See `Lease`. */
  readonly holder: string
  readonly log: Logger
}

/** Which of several processes of a role does what only one may; queries are answered by all of them. */
export function openLeases({ control, roles, holder, log }: LeasesOptions): Leases {
  const open = (name: Role): Lease => {
    if (control.isAlone || !roles.has(name)) return unshared
    return openLease({
      db: control.db,
      name,
      holder,
      logger: log,
      onLost() {
        // What it did under the lease it has in its memory; another has gone on from there.
        log.fatal({ lease: name }, 'another process has taken over; this one ends')
        process.exit(70)
      },
    })
  }
  return { identity: open('identity'), ingest: open('ingest'), query: unshared, model: open('model') }
}

/** Refuses calls of a role whose lease this process may have lost: it cannot know what another does. */
export function owned(leases: Leases): Interceptor {
  return {
    name: 'lease',
    begin({ method }) {
      const role = roleOf(method.parent)
      if (!singleRoles.includes(role) || leases[role].isHeld()) return
      throw new Failure('core.unavailable', 'The control store has not confirmed that this process may answer.', {
        retryAfterMs: 2_000,
      })
    },
  }
}
