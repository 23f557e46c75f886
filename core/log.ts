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
  const shown = pino.stdSerializers.err(error)
  return isOfWarehouse(error) ? { ...shown, message: bare(shown.message), stack: bare(shown.stack) } : shown
}

function isOfWarehouse(error: unknown): boolean {
  return error instanceof WarehouseError || (error instanceof Error && isOfWarehouse(error.cause))
}

function bare(text: string): string {
  return text.replaceAll(quoted, '…')
}
