import { migrations as auditMigrations } from '../../../core/audit/index.ts'
import { createAssertions, createIdentity, type Identity, migrations } from '../../../core/identity/index.ts'
import { createConfig, migrations as configMigrations } from '../../../core/config/index.ts'
import { migrations as ingestMigrations } from '../../../core/ingest/index.ts'
import { createOutbound } from '../../../core/outbound.ts'
import { createSeal } from '../../../core/seal.ts'
import { callBy } from '../../support/call.ts'
import { freshControl } from '../../support/control.ts'

export const edgeToken = 'edge-token-that-is-long-enough-for-tests'
export const operatorToken = 'operator-token-that-is-long-enough-too'
export const issuerUrl = 'https://gateway.example'

/** The identity domain over a store in memory, with a clock that a test sets. */
export async function startIdentity({ outboundAllow = [] as readonly string[] } = {}) {
  const store = await freshControl([auditMigrations, configMigrations, ingestMigrations, migrations])
  const databases: string[] = []
  const refusals: object[] = []
  const clock = { now: Date.now() }
  const create = (): Identity =>
    createIdentity({
      db: store.db,
      assertions: createAssertions(Buffer.alloc(32, 7), [], () => clock.now),
      edgeToken,
      operatorToken,
      serviceOf: () => undefined,
      defaultPlan: { name: 'standard', requests: 100, windowSeconds: 60 },
      now: () => clock.now,
      createDatabase: async (name) => void databases.push(name),
      issuerUrl,
      seal: createSeal(Buffer.alloc(32, 7)),
      outbound: createOutbound(outboundAllow),
      noteRefusal: (refusal) => void refusals.push(refusal),
    })
  const identity = create()
  return {
    ...store,
    identity,
    /** Another core over the same store. */
    another: create,
    config: createConfig({ db: store.db, seal: createSeal(Buffer.alloc(32, 7)), upstreams: [] }).service,
    databases,
    refusals,
    clock,
    /** Who a credential is. */
    as: (text: string, by: Identity = identity) =>
      by.authenticate({ ...callBy({}), metadata: new Map([['authorization', `Bearer ${text}`]]) }),
  }
}

export type Fixture = Awaited<ReturnType<typeof startIdentity>>
