import { Failure } from '#mesh/errors.ts'
import { Format } from '#proto/edgewise/query/v1/query_pb.ts'

export const formats = {
  json: Format.JSON,
  ndjson: Format.NDJSON,
  csv: Format.CSV,
  parquet: Format.PARQUET,
  arrow: Format.ARROW,
} as const

export type FormatName = keyof typeof formats
export const formatNames = Object.keys(formats) as [FormatName, ...FormatName[]]

const mediaTypes: Readonly<Record<string, Format>> = {
  '*/*': Format.JSON,
  'application/*': Format.JSON,
  'application/json': Format.JSON,
  'application/x-ndjson': Format.NDJSON,
  'application/ndjson': Format.NDJSON,
  'application/jsonl': Format.NDJSON,
  'text/*': Format.CSV,
  'text/csv': Format.CSV,
  'application/vnd.apache.parquet': Format.PARQUET,
  'application/vnd.apache.arrow.stream': Format.ARROW,
}

/** `orders.csv` is `orders` as CSV; a name itself has no dot. */
export function splitSuffix(path: string): { name: string; format: Format | undefined } {
  const dot = path.indexOf('.')
  if (dot < 0) return { name: path, format: undefined }
  const suffix = path.slice(dot + 1)
  if (!Object.hasOwn(formats, suffix)) {
    throw new Failure('request.not_acceptable', `There is no format .${suffix}.`)
  }
  return { name: path.slice(0, dot), format: formats[suffix as FormatName] }
}

/** Accept (RFC 9110 §12.5.1): the best of those offered. */
export function formatOf(accept: string | null): Format {
  if (accept === null || accept === '*/*' || accept.trim() === '') return Format.JSON
  const ranges = accept
    .split(',')
    .map((range) => {
      const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
      const quality = parameters.find((parameter) => parameter.startsWith('q='))
      return { type, q: quality === undefined ? 1 : Number(quality.slice(2)) }
    })
    .filter(({ q }) => q > 0)
    .sort((a, b) => b.q - a.q)
  for (const { type } of ranges) {
    const format = mediaTypes[type]
    if (format !== undefined) return format
  }
  throw new Failure('request.not_acceptable', `None of ${accept.slice(0, 200)} can be made.`)
}

/** `?timezone=` and `?int64=`, which every question may carry. */
export function presentationOf(given: Map<string, readonly string[]>): { timezone: string; int64AsString: boolean } {
  const text = one(given, 'timezone') ?? ''
  const timezone = text === '' ? 'UTC' : timezoneOf(text)
  if (timezone === undefined) {
    throw new Failure('request.invalid', `${text.slice(0, 64)} is not a time zone.`, {
      errors: [{ pointer: 'timezone', reason: 'not a name like Europe/Berlin' }],
    })
  }
  const int64 = one(given, 'int64') ?? 'number'
  if (int64 !== 'string' && int64 !== 'number') {
    throw new Failure('request.invalid', 'int64 is `string` or `number`.', {
      errors: [{ pointer: 'int64', reason: 'not `string` or `number`' }],
    })
  }
  return { timezone: timezone === 'UTC' ? '' : timezone, int64AsString: int64 === 'string' }
}

/** Takes a parameter that may be given once out of those given. */
export function one(given: Map<string, readonly string[]>, name: string): string | undefined {
  const values = given.get(name)
  given.delete(name)
  if (values === undefined) return undefined
  if (values.length > 1) {
    throw new Failure('request.invalid', `${name} is given ${values.length} times.`, {
      errors: [{ pointer: name, reason: 'given more than once' }],
    })
  }
  return values[0]
}

export function searchParams(url: string): Map<string, readonly string[]> {
  const given = new Map<string, string[]>()
  for (const [name, value] of new URL(url).searchParams) {
    const values = given.get(name)
    if (values === undefined) given.set(name, [value])
    else values.push(value)
  }
  return given
}

/** The one name of a time zone that has several. */
function timezoneOf(name: string): string | undefined {
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions()
    return /^[A-Za-z]/.test(name) ? timeZone : undefined
  } catch {
    return undefined
  }
}
