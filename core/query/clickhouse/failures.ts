import { Failure } from '#mesh/errors.ts'
import { WarehouseError } from '../../storage/warehouse.ts'

/** The pointer of the violation that carries ClickHouse's own name and number of a failure. */
const pointer = 'clickhouse'

/**
 * A failure that also says what ClickHouse calls it, for clients that look for that. Only where the engine said it of the
 * query itself, and not to those who see some rows only: of what it says of others they learn nothing.
 */
export function withException(thrown: unknown, isFiltered: boolean): unknown {
  if (!(thrown instanceof Failure) || isFiltered || !thrown.problem.startsWith('query.')) return thrown
  const { cause } = thrown
  if (!(cause instanceof WarehouseError)) return thrown
  const errors = [...thrown.errors, { pointer, reason: `${cause.number} ${cause.kind}` }]
  return new Failure(thrown.problem, thrown.message, { hint: thrown.hint, errors, cause })
}
