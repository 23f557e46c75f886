import { Failure } from '#mesh/errors.ts'
import type { Format } from '#proto/edgewise/query/v1/query_pb.ts'
import { authorise, type Context } from '../context.ts'
import { type ClickHouseOptions, clickHouseDialect, type Dialect } from './clickhouse/dialect.ts'
import { withException } from './clickhouse/failures.ts'
import { execute, type ExecuteDeps, type Piece } from './execute.ts'
import { isFiltered } from './filters.ts'
import { formatOf, type ResultFormat } from './formats.ts'
import { checkSql, type Statement } from './gate/gate.ts'
import { bindParameters } from './params.ts'
import { present, type Rows } from './present.ts'

export interface RunSqlInput {
  readonly sql: string
  readonly params: Readonly<Record<string, string>>
  readonly format: Format
  readonly timezone: string
  readonly int64AsString: boolean
  /** Asked and answered as ClickHouse does. */
  readonly clickhouse?: ClickHouseOptions | undefined
}

/** Answers SQL that is not the warehouse's: a table that is there, or rows that are yet to be written. Undefined: it is. */
export type Statements = (
  ctx: Context,
  sql: string,
  params: Readonly<Record<string, string>>,
) => Promise<(((Rows & { readonly kind: 'table' }) | Written) & Pick<Statement, 'format'>) | undefined>

interface Written {
  readonly kind: 'rows'
  /** In the engine's name of a format. */
  write(format: string): Promise<{ readonly model: string; readonly body: AsyncIterable<Uint8Array> }>
}

export interface RunSqlDeps extends ExecuteDeps {
  readonly statements: Statements | undefined
  readonly engineVersion: () => Promise<string>
}

/** Checks and runs SQL of the caller's own. */
export async function* runSql(deps: RunSqlDeps, ctx: Context, input: RunSqlInput): AsyncGenerator<Piece> {
  authoriseSql(ctx)
  if (input.clickhouse !== undefined) {
    yield* runClickHouse(deps, ctx, input, clickHouseDialect(deps, ctx, input.clickhouse))
    return
  }
  const answer = await deps.statements?.(ctx, input.sql, input.params)
  if (answer !== undefined) {
    const format = formatOf(answer.format, input.format)
    yield* answer.kind === 'table' ? present(deps, ctx, answer, format, input) : written(answer, format)
    return
  }
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

/** Through the same gate, and run as all else; statements about models, which change something, are none of ClickHouse's. */
async function* runClickHouse(
  deps: RunSqlDeps,
  ctx: Context,
  { sql, params, timezone }: RunSqlInput,
  dialect: Dialect,
): AsyncGenerator<Piece> {
  try {
    const checkedOne = await checked({ ...deps, rewrite: dialect.rewrite }, ctx, sql)
    const format = dialect.format(checkedOne.format)
    const { settings } = dialect
    const options = { timezone, int64AsString: false }
    yield* execute(deps, ctx, { ...dialect.bind(checkedOne, params), format, options, version: 0, settings, sql })
  } catch (thrown) {
    throw withException(thrown, isFiltered(ctx.actor))
  }
}

async function* written({ write }: Written, { engine, contentType }: ResultFormat): AsyncGenerator<Piece> {
  const started = performance.now()
  const { model, body } = await write(engine)
  yield { kind: 'head', contentType, format: engine, version: 0, quotas: [], model }
  for await (const bytes of body) if (bytes.length > 0) yield { kind: 'body', bytes }
  const elapsedUs = Math.round((performance.now() - started) * 1000)
  yield { kind: 'tail', summary: { resultRows: 0, rowsRead: undefined, bytesRead: undefined, elapsedUs } }
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
