import { Failure } from '#mesh/errors.ts'
import { csvRows, readCsv } from './csv.ts'
import { inferCsv } from './infer-csv.ts'
import { type Inflate, inflate as inflateAlone } from './inflate.ts'
import { decodeJson } from './json.ts'
import type { IngestLimits } from './limits.ts'
import { decodeNdjson } from './ndjson.ts'
import type { Rows } from './rows.ts'
import type { ColumnType } from './types.ts'

/** A decoded body. What a CSV's values mean depends on the columns that they go to; the other formats ignore those. */
export interface Batch {
  rowsFor(columns: ReadonlyMap<string, ColumnType>): Rows
}

export interface Body {
  readonly body: Uint8Array
  readonly contentType: string
  readonly contentEncoding: string
}

export async function decode(
  { body, contentType, contentEncoding }: Body,
  limits: IngestLimits,
  inflate: Inflate = inflateAlone,
): Promise<Batch> {
  const stated = formatOf(contentType)
  const bytes = await inflate(body, contentEncoding, limits)
  const format = stated === 'unstated' ? guess(bytes) : stated
  if (format === 'csv') {
    const table = readCsv(bytes, limits)
    return {
      rowsFor(columns) {
        const inferred = table.header.some((name) => !columns.has(name)) ? inferCsv(table) : columns
        return csvRows(table, (name) => columns.get(name) ?? inferred.get(name))
      },
    }
  }
  const rows = format === 'json' ? decodeJson(bytes, limits) : decodeNdjson(bytes, limits)
  return { rowsFor: () => rows }
}

const formats: Readonly<Record<string, 'json' | 'ndjson' | 'csv'>> = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
  'application/x-jsonlines': 'ndjson',
  'text/csv': 'csv',
}

/** What a body is that does not say: an array or one object over several lines is JSON, objects on lines are NDJSON. */
function guess(bytes: Buffer): 'json' | 'ndjson' {
  const [firstLine = ''] = bytes.toString('utf8').trimStart().split('\n', 1)
  if (firstLine.startsWith('[')) return 'json'
  try {
    JSON.parse(firstLine)
    return 'ndjson'
  } catch {
    return 'json'
  }
}

/** `curl -d` calls whatever it sends a form. */
const unstated = new Set(['', 'application/x-www-form-urlencoded', 'application/octet-stream'])

function formatOf(contentType: string): 'json' | 'ndjson' | 'csv' | 'unstated' {
  if (unstated.has(contentType.toLowerCase().split(';')[0]?.trim() ?? '')) return 'unstated'
  const [type = '', ...parameters] = contentType.toLowerCase().split(';')
  const format = Object.hasOwn(formats, type.trim()) ? formats[type.trim()] : undefined
  const charset = parameters.map((parameter) => /^\s*charset\s*=\s*"?([^"]*)"?\s*$/.exec(parameter)?.[1]).find(Boolean)
  if (format === undefined) {
    throw new Failure('request.unsupported_media_type', `Events cannot come as \`${contentType.slice(0, 80)}\`.`, {
      errors: [{ pointer: 'Content-Type', reason: 'must be application/json, application/x-ndjson or text/csv' }],
    })
  }
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii') {
    throw new Failure('request.unsupported_media_type', `The character set \`${charset.slice(0, 40)}\` is not taken.`, {
      hint: 'Send it as UTF-8.',
      errors: [{ pointer: 'Content-Type', reason: 'the charset must be utf-8' }],
    })
  }
  return format
}
