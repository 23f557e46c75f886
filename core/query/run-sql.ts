import { Failure } from '#mesh/errors.ts'
import type { Format } from '#proto/edgewise/query/v1/query_pb.ts'
import { authorise, type Context } from '../context.ts'
import { execute, type ExecuteDeps, type Piece } from './execute.ts'
import { formatOf } from './formats.ts'
import { checkSql, type Statement } from './gate/gate.ts'
import { bindParameters } from './params.ts'

export interface RunSqlInput {
  readonly sql: string
  readonly params: Readonly<Record<string, string>>
  readonly format: Format
  readonly timezone: string
  readonly int64AsString: boolean
}

/** Checks and runs SQL of the caller's own. */
export async function* runSql(deps: ExecuteDeps, ctx: Context, input: RunSqlInput): AsyncGenerator<Piece> {
  authoriseSql(ctx)
  const statement = await checked(deps, ctx, input.sql)
  yield* execute(deps, ctx, {
    statement,
    bound: bindParameters(statement, new Map(), input.params, deps.limits),
    format: formatOf(statement.format, input.format),
    options: input,
    version: 0,
    sql: input.sql,
  })
}

/** What the caller writes can read whatever there is, so bound parameters alone would hold nobody to anything. */
export function authoriseSql(ctx: Context): void {
  authorise(ctx, 'sql:read')
  if (Object.keys(ctx.actor.params).length > 0 && ctx.actor.filters.length === 0) {
    throw new Failure('auth.scope', 'A key with bound parameters and no row filters cannot run SQL of its own.', {
      hint: 'Call a published query, or use a key with row filters.',
    })
  }
}

/** A check takes the engine's time as well, so it has a place of its own. */
async function checked(deps: ExecuteDeps, ctx: Context, sql: string): Promise<Statement> {
  const release = await deps.places.take(ctx)
  try {
    return await checkSql(deps, ctx, sql)
  } finally {
    release()
  }
}
