import { createHash } from 'node:crypto'
import { Failure } from '#mesh/errors.ts'
import { record } from '../audit/index.ts'
import { checkName, claimName, recordChange } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import type { ControlDb, ControlTx } from '../storage/control.ts'
import type { Places } from './concurrency.ts'
import { describeResult } from './describe-result.ts'
import { formatOf } from './formats.ts'
import { checkSql } from './gate/gate.ts'
import type { GateDeps } from './gate/parser.ts'
import { notAllowed } from './gate/refusals.ts'
import type { QueryLimits } from './limits.ts'
import { rulesOf, type DeclaredParameter } from './rules.ts'
import type { QueryColumn, QueryDefinition } from './schema.ts'
import { deleteVersionsUpTo, findDigest, insertVersion, lockName, setLive, type StoredQuery } from './store.ts'

export interface PutQueryDeps extends GateDeps {
  readonly db: ControlDb
  readonly places: Places
  now(): number
}

export interface PutQueryInput {
  readonly name: string
  readonly sql: string
  readonly parameters: readonly DeclaredParameter[]
  readonly cache: QueryDefinition['cache']
  readonly limit: QueryDefinition['limit']
  readonly description: string
  /** The live version it must have now; 0 for any. */
  readonly ifVersion: number
  readonly dryRun: boolean
}

export interface Put {
  readonly query: StoredQuery
  readonly changed: boolean
}

/** Publishes. What is checked here is checked again for each caller's rows when it is called. */
export async function putQuery(deps: PutQueryDeps, ctx: Context, input: PutQueryInput): Promise<Put> {
  authorise(ctx, 'queries:write')
  checkName(input.name, 'name')
  if (input.description.length > deps.limits.maxDescriptionLength) throw tooLong(deps.limits)
  const release = await deps.places.take(ctx)
  try {
    return await check(deps, ctx, input)
  } finally {
    release()
  }
}

/** The check takes the engine's time, as running it does. */
async function check(deps: PutQueryDeps, ctx: Context, input: PutQueryInput): Promise<Put> {
  const statement = await checkSql(deps, ctx, input.sql)
  if (statement.explain !== undefined) throw notAllowed('An EXPLAIN cannot be published.')
  // Answers are kept at edges for whoever may call the query, who need not have audit:read.
  if (statement.reads.streams.has('_audit')) throw notAllowed('`_audit` can be read by SQL of one’s own only.')
  formatOf(statement.format, 0)
  const parameters = rulesOf(statement, input.parameters)
  refuseReserved(parameters.map(({ name }) => name))
  const { sql, cache, limit, description } = input
  const definition: QueryDefinition = { sql, parameters, cache, limit, description }
  const columns = await describeResult(deps, ctx, sql, statement, parameters)
  try {
    return await deps.db.transaction((tx) => publish(deps, tx, ctx, input, definition, columns))
  } catch (thrown) {
    if (thrown instanceof DryRun) return thrown.put
    throw thrown
  }
}

/** What every endpoint takes beside the query's own parameters. */
const reserved = new Set(['version', 'timezone', 'int64', 'format'])

function refuseReserved(names: readonly string[]): void {
  const taken = names.filter((name) => reserved.has(name))
  if (taken.length === 0) return
  throw new Failure('query.parameter', `Every endpoint has a parameter ${taken.join(', ')} already.`, {
    hint: 'Call the parameter otherwise in the SQL.',
    errors: taken.map((name) => ({ pointer: name, reason: 'is taken by the endpoint itself' })),
  })
}

async function publish(
  deps: PutQueryDeps,
  tx: ControlTx,
  ctx: Context,
  input: PutQueryInput,
  definition: QueryDefinition,
  columns: readonly QueryColumn[],
): Promise<Put> {
  const { workspace } = ctx.actor
  await claimName(tx, workspace, input.name, 'query')
  const held = await lockName(tx, workspace, input.name)
  if (input.ifVersion !== 0 && input.ifVersion !== held.live) throw changedMeanwhile(input, held.live)
  const digest = digestOf(definition, columns)
  const same = await findDigest(tx, workspace, input.name, digest)
  if (same !== undefined && same.version === held.live) return { query: { ...same, live: true }, changed: false }
  const version = same?.version ?? held.newest + 1
  const row = same ?? {
    workspace,
    name: input.name,
    version,
    digest,
    definition,
    columns,
    createdAt: new Date(deps.now()),
  }
  const put: Put = { query: { ...row, live: true }, changed: true }
  // Nothing stays, not even the name.
  if (input.dryRun) throw new DryRun(put)
  if (same === undefined) await insertVersion(tx, row)
  const live = { ...held, live: version, newest: Math.max(held.newest, version) }
  await setLive(tx, live)
  await deleteVersionsUpTo(tx, live, version - deps.limits.maxVersions)
  await recordChange(tx, { kind: 'query', workspace, name: input.name })
  // The digest, and not the text: literals in it may be anything.
  await record(tx, ctx, { action: 'put_query', resource: `query/${input.name}`, detail: { version, digest } })
  return put
}

/** Carries the answer of a dry run out of the transaction that it rolls back. */
class DryRun extends Error {
  readonly put: Put

  constructor(put: Put) {
    super('dry run')
    this.put = put
  }
}

function digestOf(definition: QueryDefinition, columns: readonly QueryColumn[]): string {
  return createHash('sha256')
    .update(JSON.stringify([definition, columns]))
    .digest('hex')
}

function changedMeanwhile({ name, ifVersion }: PutQueryInput, live: number | null): Failure {
  const now = live === null ? 'is not published' : `is at version ${live}`
  return new Failure('request.precondition', `\`${name}\` ${now}, not at version ${ifVersion}.`)
}

function tooLong({ maxDescriptionLength }: QueryLimits): Failure {
  return new Failure('request.too_large', `A description has ${maxDescriptionLength} characters at most.`, {
    errors: [{ pointer: 'description', reason: 'too long' }],
  })
}
