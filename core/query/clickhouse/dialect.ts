import { allows } from '#mesh/scopes.ts'
import type { Context } from '../../context.ts'
import type { Warehouse } from '../../storage/warehouse.ts'
import type { ResultFormat } from '../formats.ts'
import type { Statement } from '../gate/gate.ts'
import { tokensOf } from '../gate/lexer.ts'
import type { QueryLimits } from '../limits.ts'
import { type Bound, bindParameters } from '../params.ts'
import { withCatalogue, withoutCatalogue } from './catalogue.ts'
import { clickHouseFormat } from './formats.ts'
import { rewrite } from './rewrite.ts'
import { clickHouseSettings, settingValues } from './settings.ts'
import { isOwn, selectOf, unknownDatabase } from './statements.ts'
import { nullRules, plainValues } from './values.ts'

export interface ClickHouseOptions {
  /** Where the text has no FORMAT; empty is TabSeparated. */
  readonly format: string
  readonly settings: Readonly<Record<string, string>>
  /** Empty is the workspace's. */
  readonly database: string
}

interface DialectDeps {
  readonly limits: QueryLimits
  readonly engineVersion: () => Promise<string>
}

export type Dialect = ReturnType<typeof clickHouseDialect>

/** How a request of a ClickHouse client differs from one of the public API: in its text before the gate, and in how it is answered. */
export function clickHouseDialect({ limits, engineVersion }: DialectDeps, ctx: Context, options: ClickHouseOptions) {
  const { workspace, id, scopes, filters } = ctx.actor
  if (options.database !== '' && !isOwn(options.database, workspace)) throw unknownDatabase(options.database)
  const settings = clickHouseSettings(options.settings, limits)

  return {
    settings,
    async rewrite(printed: string): Promise<string> {
      const tokens = tokensOf(printed)
      if (tokens === undefined) return printed
      const select = selectOf(tokens, workspace) ?? printed
      const said = { workspace, user: id, version: await engineVersion() }
      return rewrite(select, select === printed ? tokens : (tokensOf(select) ?? []), said)
    },
    format: (trailing: string | undefined): ResultFormat =>
      clickHouseFormat(trailing ?? (options.format === '' ? 'TabSeparated' : options.format)),
    /** What the gate let through, with values, and with the catalogue where it names it. */
    bind(
      statement: Statement,
      values: Readonly<Record<string, string>>,
    ): { readonly statement: Statement; readonly bound: Bound } {
      const { parameters, reads } = statement
      const bound = bindParameters(statement, nullRules(parameters, values), plainValues(parameters, values), limits)
      const streams = withoutCatalogue(reads.streams)
      const shown = {
        workspace,
        streams: filters.length === 0 ? undefined : [...new Set(filters.map(({ stream }) => stream))],
        seesAudit: allows(scopes, 'audit:read'),
        settings: settingValues(limits),
      }
      const sql =
        streams.size === reads.streams.size ? bound.sql : withCatalogue(bound.sql, tokensOf(bound.sql) ?? [], shown)
      return { statement: { ...statement, reads: { ...reads, streams } }, bound: { ...bound, sql } }
    },
  }
}

/** Asked once: it is what `version()` answers. */
export function createEngineVersion(warehouse: Warehouse): () => Promise<string> {
  let known: Promise<string> | undefined
  return () => {
    known ??= ask(warehouse).catch((error: unknown) => {
      known = undefined
      throw error
    })
    return known
  }
}

const timeoutMs = 10_000

async function ask(warehouse: Warehouse): Promise<string> {
  const [row] = await warehouse.rows<{ readonly version: string }>({
    sql: 'SELECT version() AS version',
    database: 'system',
    deadline: Date.now() + timeoutMs,
    signal: AbortSignal.timeout(timeoutMs),
  })
  return row?.version ?? ''
}
