import { hash } from 'node:crypto'

/** The broker that products of tests run on; the embedded log without one. */
const broker = process.env['TEST_KAFKA_URL'] || process.env['KAFKA_URL'] || undefined

/** The environment of a core whose data are in a directory: on a broker, a log that nobody else has. */
export function logEnv(directory: string): Readonly<Record<string, string>> {
  if (broker === undefined) return {}
  const prefix = `data_${hash('sha256', directory).slice(0, 32)}`
  return { KAFKA_URL: `${broker}${broker.includes('?') ? '&' : '?'}prefix=${prefix}` }
}
