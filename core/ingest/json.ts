import { isUtf8 } from 'node:buffer'
import { Failure } from '#mesh/errors.ts'
import type { IngestLimits } from './limits.ts'
import type { Rows } from './rows.ts'
import { elementsOf, skipBlank } from './scan.ts'
import { clip } from './verdict.ts'

/** One object, or an array of them. What is not JSON as a whole has no rows that could be told apart: it is refused. */
export function decodeJson(body: Buffer, { maxRows }: Pick<IngestLimits, 'maxRows'>): Rows {
  if (!isUtf8(body)) throw refused('is not valid UTF-8')
  const decoded = body.toString('utf8')
  const text = decoded.startsWith('\uFEFF') ? decoded.slice(1) : decoded
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw refused(`is not JSON: ${clip((error as Error).message)}`)
  }
  if (typeof value !== 'object' || value === null) throw refused('must be an object or an array of objects')
  if (!Array.isArray(value)) return { texts: [text.trim()], broken: new Map() }
  if (value.length > maxRows) {
    throw new Failure('request.too_large', `The batch has ${value.length} rows; at most ${maxRows} are taken.`)
  }
  return { texts: elementsOf(text.slice(skipBlank(text, 0))), broken: new Map() }
}

function refused(reason: string): Failure {
  return new Failure('request.invalid', `The body ${reason}.`, {
    hint: 'Send one object or an array of objects; objects on lines of their own are application/x-ndjson.',
    errors: [{ pointer: 'body', reason }],
  })
}
