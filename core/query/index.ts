import type { Logger } from 'pino'
import type { Service } from '#mesh/rpc/call.ts'
import type { QueryService } from '#proto/edgewise/query/v1/query_pb.ts'
import type { ControlDb } from '../storage/control.ts'
import type { Context } from '../context.ts'
import type { Warehouse } from '../storage/warehouse.ts'
import type { Budgets } from '../budgets.ts'
import { createEngineVersion } from './clickhouse/dialect.ts'
import { createPlaces } from './concurrency.ts'
import type { QueryLimits } from './limits.ts'
import { createPrices } from './price.ts'
import type { Served } from './gate/parser.ts'
import { createPublished } from './published.ts'
import { queryService } from './rpc.ts'
import type { Statements } from './run-sql.ts'
import { describeSql, type ReadRows, readRows, type ReadRowsInput } from './read-rows.ts'
import type { QueryColumn } from './schema.ts'
import { type SelectedRows, selectRows, type SelectRowsInput } from './select-rows.ts'

export { authoriseSql } from './run-sql.ts'
export { defaultQueryLimits, type QueryLimits } from './limits.ts'

export const migrations = { domain: 'query', folder: new URL('./migrations', import.meta.url) }

export interface QueryDeps {
  readonly db: ControlDb
  readonly warehouse: Warehouse
  readonly log: Logger
  readonly limits: QueryLimits
  readonly budgets: Budgets
  /** SQL that is not the warehouse's, as that about models. */
  readonly statements?: Statements
  readonly served?: Served
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

export interface QueryDomain {
  readonly service: Service<typeof QueryService>
  /** For domains that do something with the rows that a condition holds for. */
  selectRows(ctx: Context, input: SelectRowsInput): Promise<SelectedRows>
  /** For domains that learn from what the caller may see. */
  describeSql(ctx: Context, sql: string): Promise<readonly QueryColumn[]>
  readRows(ctx: Context, input: ReadRowsInput): Promise<ReadRows>
  /** Called when a query of the workspace could not be stopped otherwise than with the warehouse. */
  holdBack(workspace: string): void
}

export function createQuery({
  db,
  warehouse,
  log,
  limits,
  budgets,
  statements,
  served,
  now = Date.now,
}: QueryDeps): QueryDomain {
  const published = createPublished({ warehouse, limits, served })
  const places = createPlaces(limits)
  const prices = createPrices({ warehouse, now })
  const engineVersion = createEngineVersion(warehouse)
  const deps = {
    db,
    warehouse,
    log,
    limits,
    now,
    published,
    places,
    prices,
    budgets,
    statements,
    served,
    engineVersion,
  }
  return {
    describeSql: (ctx, sql) => describeSql(deps, ctx, sql),
    readRows: (ctx, input) => readRows(deps, ctx, input),
    selectRows: (ctx, input) => selectRows(deps, ctx, input),
    service: queryService(deps),
    holdBack: (workspace) => places.holdBack(workspace),
  }
}
