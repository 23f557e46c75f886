import { DrizzleQueryError } from 'drizzle-orm'
import { type DestinationStream, type Level, type Logger, pino } from 'pino'
import { WarehouseError } from './storage/warehouse.ts'

/** The core's log: lines of JSON. */
export function createLog(level: Level | 'silent', destination: DestinationStream = pino.destination(2)): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: errorOf } },
    destination,
  )
}

/** What the engine says of rows it says in quotation marks, and a row may be personal. */
const quoted = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/gs

function errorOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const statement = statementOf(error)
  if (statement !== undefined) return shownStatement(error, statement)
  const shown = pino.stdSerializers.err(error)
  return isOfWarehouse(error) ? { ...shown, message: bare(shown.message), stack: bare(shown.stack) } : shown
}

/** Of the control store. */
function statementOf(error: Error): DrizzleQueryError | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) if (at instanceof DrizzleQueryError) return at
  return undefined
}

/** Why it failed and where, without what drizzle and PostgreSQL say of it: its values, and the row that it was about. */
function shownStatement(error: Error, statement: DrizzleQueryError) {
  const { cause, stack = '' } = statement
  const said = error === statement ? [] : [error.message]
  return {
    type: error.name,
    message: bare([...said, cause?.message ?? 'a statement failed'].join(': ')),
    code: (cause as { readonly code?: unknown } | undefined)?.code,
    stack: stack.match(/^ +at .*$/gm)?.join('\n'),
  }
}

function isOfWarehouse(error: unknown): boolean {
  return error instanceof WarehouseError || (error instanceof Error && isOfWarehouse(error.cause))
}

function bare(text: string): string {
  return text.replaceAll(quoted, '…')
}
