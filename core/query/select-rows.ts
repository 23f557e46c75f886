import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import type { Selection } from '../storage/warehouse.ts'
import { queryFailure } from './errors.ts'
import type { ExecuteDeps } from './execute.ts'
import { filterSettings, isFiltered } from './filters.ts'
import { checkCondition } from './gate/condition.ts'
import type { Statement } from './gate/gate.ts'
import { databaseOf, maskedFor } from './masks.ts'
import { bindParameters } from './params.ts'
import { authoriseSql } from './run-sql.ts'
import { querySettings } from './settings.ts'
import { suggestStream } from './suggest-stream.ts'

export interface SelectRowsInput {
  readonly stream: string
  /** What may stand after WHERE. */
  readonly where: string
  /** Values of its parameters: one each, any number for an array. */
  readonly params: Readonly<Record<string, readonly string[]>>
}

/** The rows that a condition holds for. */
export interface SelectedRows {
  /** How many they are now. */
  count(): Promise<number>
  /**
   * Lends the SELECT of their places (`_partition`, `_offset`) for a statement that is not `readonly`. What the engine
   * says of it is told as it is of every query.
   */
  lend<T>(work: (selection: Selection) => Promise<T>): Promise<T>
}

/** Checks a condition as every query is checked, and binds its parameters. Nothing of it runs yet. */
export async function selectRows(
  deps: Pick<ExecuteDeps, 'db' | 'warehouse' | 'limits' | 'places' | 'served'>,
  ctx: Context,
  input: SelectRowsInput,
): Promise<SelectedRows> {
  authoriseSql(ctx)
  const { warehouse, limits, places } = deps
  const inPlace = async <T>(work: () => Promise<T>): Promise<T> => {
    const release = await places.take(ctx)
    try {
      return await work()
    } finally {
      release()
    }
  }
  const statement = await inPlace(() => checkCondition(deps, ctx, input.stream, input.where))
  const bound = bindParameters(statement, new Map(), textsOf(statement, input.params), limits)
  const filters = filterSettings(ctx.actor, statement)
  await refuseMasked(deps.db, ctx, statement)
  const database = await databaseOf(deps.db, ctx, statement)
  const settings = () => ({
    ...querySettings(limits, ctx.deadline, { timezone: '', int64AsString: false }),
    ...filters,
  })

  async function told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (thrown) {
      const { workspace } = ctx.actor
      const { tested } = statement.reads
      const failed = { workspace, sql: input.where, filtered: isFiltered(ctx.actor), signal: ctx.signal, tested }
      throw await suggestStream(warehouse, ctx, queryFailure(thrown, failed))
    }
  }

  return {
    count: () =>
      told(() =>
        inPlace(async () => {
          const [row] = await warehouse.rows<{ readonly n: string }>({
            sql: `SELECT count() AS n FROM (${bound.sql})`,
            database,
            params: bound.params,
            settings: settings(),
            deadline: ctx.deadline,
            signal: ctx.signal,
          })
          return Number(row?.n ?? 0)
        }),
      ),
    lend: (work) =>
      told(() => {
        const { readonly: _, ...writable } = settings()
        return work({ sql: bound.sql, database, params: bound.params, settings: writable })
      }),
  }
}

/** Masked, a column is the same in every row: a condition on it would hold for all of them, or for none. */
async function refuseMasked(db: ExecuteDeps['db'], ctx: Context, { reads }: Statement): Promise<void> {
  const masked = await maskedFor(db, ctx, reads.streams)
  for (const [stream, columns] of masked) {
    const column = columns.find((name) => [...reads.columns].some((written) => `.${written}.`.includes(`.${name}.`)))
    if (column === undefined) continue
    throw new Failure('auth.scope', `\`${column}\` is personal data: a condition on it needs pii:read:${stream}.`, {
      hint: `Use a key that has pii:read:${stream}, or a condition on other columns.`,
      errors: [{ pointer: 'where', reason: `names \`${column}\`` }],
    })
  }
}

/** Each parameter as one text: an array as JSON, unless it came as one text already. */
function textsOf(statement: Statement, given: SelectRowsInput['params']): Readonly<Record<string, string>> {
  const arrays = new Set(statement.parameters.filter(({ type }) => type.array).map(({ name }) => name))
  const texts = Object.entries(given).map(([name, values]) => {
    const [value = ''] = values
    if (values.length === 1) return [name, value]
    if (arrays.has(name)) return [name, JSON.stringify(values)]
    throw new Failure('query.parameter', `${name.slice(0, 80)} is given ${values.length} times.`, {
      errors: [{ pointer: name.slice(0, 80), reason: 'takes one value' }],
    })
  })
  return Object.fromEntries(texts) as Record<string, string>
}
