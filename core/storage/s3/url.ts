import { readFileSync } from 'node:fs'
import { closest } from '#mesh/closest.ts'

/** Where a bucket is, who asks, and how long it may take. */
export interface S3Options {
  readonly bucket: string
  /** Begins every key, so that others can use the bucket: empty, or with a `/` at its end. */
  readonly prefix: string
  /** Of S3's protocol; without one it is Amazon's, of the region. */
  readonly endpoint: string | undefined
  readonly region: string | undefined
  /** `endpoint/bucket/key`, and not `bucket.endpoint/key`. */
  readonly pathStyle: boolean
  /** Else what the AWS_… variables, files or the machine's role say. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined
  /** `required`: only where the protocol asks for one, for servers that do not know the newer ones. */
  readonly checksums: 'always' | 'required'
  /** An authority in PEM. */
  readonly ca: string | undefined
  /** How long a connection may take, and how long it may be silent. */
  readonly timeoutMs: number
  readonly poolSize: number
}

const names = ['endpoint', 'region', 'path_style', 'checksums', 'ca', 'timeout_ms', 'pool_size']

const form = 's3://[key:secret@]bucket[/prefix][?endpoint=…&region=…]'

/**
 * `s3://[key:secret@]bucket[/prefix]?…`; a text says what does not hold, and never the URL itself: a secret may be in it.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
 */
export function parseObjectsUrl(text: string): S3Options | string {
  if (!text.startsWith('s3://')) return `must be like ${form}; leave it out for a folder of the data directory`
  if (!URL.canParse(text)) return `must be like ${form}, key and secret percent-encoded (/ is %2F, + is %2B)`
  const url = new URL(text)
  const given = new Map<string, string>()
  for (const [name, value] of url.searchParams) {
    if (!names.includes(name)) {
      const near = closest(name, names)
      return `has an unknown parameter ${name.slice(0, 40)}${near === undefined ? `; there are ${names.join(', ')}` : `; did you mean ${near}?`}`
    }
    if (given.has(name)) return `has ${name} twice`
    given.set(name, value)
  }
  try {
    return read(url, given)
  } catch (thrown) {
    // The reason alone: what a decoder says may quote the text.
    return thrown instanceof RangeError ? thrown.message : 'has a %-escape that is none; write % as %25'
  }
}

function read(url: URL, given: ReadonlyMap<string, string>): S3Options {
  const bucket = url.host
  if (!/^[a-z\d][a-z\d.-]{1,61}[a-z\d]$/.test(bucket)) {
    throw new RangeError('names no bucket: 3 to 63 lower-case letters, digits, dots and hyphens')
  }
  const path = url.pathname.replace(/^\/+|\/+$/g, '')
  if (!/^(?:[\w!-][\w!.-]*(?:\/(?!$)|$))*$/.test(path) || path.length > 500) {
    throw new RangeError('has a prefix of more than letters, digits, `_`, `-`, `!`, `.` and `/`')
  }
  const endpoint = given.get('endpoint')
  if (endpoint !== undefined && !isEndpoint(endpoint)) {
    throw new RangeError('endpoint must be http://… or https://…, without credentials')
  }
  const ca = given.get('ca')
  if (ca !== undefined && endpoint?.startsWith('http:') === true) throw new RangeError('ca is for an endpoint by https')
  const region = given.get('region')
  if (region?.match(/^[a-z\d-]{1,40}$/) === null) throw new RangeError('region must be like eu-central-1')
  return {
    bucket,
    prefix: path === '' ? '' : `${path}/`,
    endpoint,
    // Servers of others take any, but a signature names one.
    region: region ?? (endpoint === undefined ? undefined : 'us-east-1'),
    pathStyle: oneOf('path_style', given, ['true', 'false'], endpoint === undefined ? 'false' : 'true') === 'true',
    credentials: credentialsOf(url),
    checksums: oneOf('checksums', given, ['always', 'required'], endpoint === undefined ? 'always' : 'required'),
    ca: ca === undefined ? undefined : fileOf(ca),
    timeoutMs: wholeOf('timeout_ms', given, { or: 10_000, least: 100, most: 300_000 }),
    poolSize: wholeOf('pool_size', given, { or: 16, least: 1, most: 200 }),
  }
}

function credentialsOf({ username, password }: URL): S3Options['credentials'] {
  if (username === '' && password === '') return undefined
  if (username === '' || password === '') throw new RangeError('needs both of key:secret@, or neither')
  return { accessKeyId: decodeURIComponent(username), secretAccessKey: decodeURIComponent(password) }
}

function isEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password, search, hash } = new URL(text)
  return (protocol === 'http:' || protocol === 'https:') && `${username}${password}${search}${hash}` === ''
}

function fileOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new RangeError(`ca cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

function oneOf<T extends string>(name: string, given: ReadonlyMap<string, string>, allowed: readonly T[], or: T): T {
  const value = given.get(name) ?? or
  const found = allowed.find((one) => one === value)
  if (found === undefined) throw new RangeError(`${name} must be ${allowed.join(' or ')}`)
  return found
}

function wholeOf(
  name: string,
  given: ReadonlyMap<string, string>,
  { or, least, most }: { readonly or: number; readonly least: number; readonly most: number },
): number {
  const value = Number(given.get(name) ?? or)
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be a whole number from ${least} to ${most}`)
  }
  return value
}
