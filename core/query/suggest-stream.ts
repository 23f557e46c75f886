import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import type { Warehouse } from '../storage/warehouse.ts'
import { closest } from '#mesh/closest.ts'
import { isFiltered } from './filters.ts'

const maxStreams = 5_000

/** Adds to a failure that a stream is unknown the one that was probably meant, of those of the workspace. */
export async function suggestStream(warehouse: Warehouse, ctx: Context, failure: unknown): Promise<unknown> {
  if (!(failure instanceof Failure) || failure.problem !== 'query.unknown_table' || isFiltered(ctx.actor))
    return failure
  const name = /`([^`]+)`/.exec(failure.message)?.[1]
  if (name === undefined) return failure
  try {
    const streams = await warehouse.rows<{ readonly name: string }>({
      sql: `SELECT name FROM system.tables WHERE database = {workspace:String} LIMIT ${maxStreams}`,
      database: ctx.actor.workspace,
      params: { workspace: ctx.actor.workspace },
      deadline: ctx.deadline,
      signal: ctx.signal,
    })
    const near = closest(
      name,
      streams.map((stream) => stream.name),
    )
    if (near === undefined) return failure
    const { message, errors, cause } = failure
    return new Failure('query.unknown_table', message, { hint: `Did you mean \`${near}\`?`, errors, cause })
  } catch {
    // The suggestion is a courtesy.
    return failure
  }
}
