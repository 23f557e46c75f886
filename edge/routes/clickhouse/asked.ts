import { Failure } from '#mesh/errors.ts'
import { maxJsonBytes, readBody, textOf } from '../body.ts'

/** A request of ClickHouse's HTTP interface, taken apart. https://clickhouse.com/docs/interfaces/http */
export interface Asked {
  readonly sql: string
  readonly params: Readonly<Record<string, string>>
  readonly format: string
  readonly database: string
  readonly settings: Readonly<Record<string, string>>
  readonly queryId: string | undefined
  /** How the answer is to be packed. */
  readonly packed: 'gzip' | 'blocks' | undefined
  readonly wantsProgress: boolean
}

const maxSettings = 200

/** The text is in the URL, in the body, or in both, one after the other; a form holds it and parameters. */
export async function askedOf(request: Request): Promise<Asked> {
  const { headers } = request
  const given = new URL(request.url).searchParams
  refuseSecrets(given)
  const body = await bodyOf(request)
  const params: Record<string, string> = {}
  const settings: Record<string, string> = {}
  for (const [name, value] of [...given, ...body.fields]) {
    if (name.startsWith('param_')) set(params, name.slice('param_'.length), value)
    else if (!own.has(name)) set(settings, name, value)
  }
  if (Object.keys(settings).length > maxSettings) {
    throw new Failure('request.invalid', `A request has ${maxSettings} settings at most.`)
  }
  const sql = [given.get('query') ?? '', body.text].filter((text) => text.trim() !== '').join('\n')
  if (sql === '') throw new Failure('query.syntax', 'Empty query: send it in the body, or as `query` in the URL.')
  return {
    sql,
    params,
    settings,
    format: given.get('default_format') ?? headers.get('x-clickhouse-format') ?? '',
    database: given.get('database') ?? headers.get('x-clickhouse-database') ?? '',
    queryId: idOf(given.get('query_id')),
    packed: packingOf(given, headers.get('accept-encoding') ?? ''),
    wantsProgress: isOn(given.get('send_progress_in_http_headers')),
  }
}

/** What is the protocol's own; everything else is a setting, for the core to take or to refuse. */
const own = new Set(['query', 'query_id', 'database', 'default_format', 'user', 'compress'])

function refuseSecrets(given: URLSearchParams): void {
  if (given.has('password')) {
    throw new Failure('auth.invalid', 'A password in the URL ends up in logs, and is not taken.', {
      hint: 'Send the key as X-ClickHouse-Key, or as the password of basic credentials. This one should be revoked.',
    })
  }
}

function packingOf(given: URLSearchParams, accepted: string): Asked['packed'] {
  if (isOn(given.get('compress'))) return 'blocks'
  return isOn(given.get('enable_http_compression')) && /\bgzip\b/i.test(accepted) ? 'gzip' : undefined
}

interface Body {
  readonly text: string
  readonly fields: readonly (readonly [name: string, value: string])[]
}

async function bodyOf(request: Request): Promise<Body> {
  if (request.body === null) return { text: '', fields: [] }
  const encoding = request.headers.get('content-encoding')
  if (encoding !== null && encoding !== 'identity') {
    throw new Failure('request.unsupported_media_type', 'A query is not taken compressed.', {
      hint: 'Send it as it is.',
    })
  }
  const bytes = await readBody(request, maxJsonBytes)
  const type = request.headers.get('content-type') ?? ''
  if (!type.toLowerCase().startsWith('multipart/form-data')) return { text: textOf(bytes), fields: [] }
  let form: FormData
  try {
    form = await new Response(bytes, { headers: { 'content-type': type } }).formData()
  } catch (cause) {
    throw new Failure('request.invalid', 'The form cannot be read.', { cause })
  }
  const fields = [...form].map(([name, value]) => {
    if (typeof value === 'string') return [name, value] as const
    throw new Failure('request.invalid', 'Tables cannot be sent with a query.', { hint: 'Write them in the query.' })
  })
  return { text: fields.find(([name]) => name === 'query')?.[1] ?? '', fields }
}

function set(record: Record<string, string>, name: string, value: string): void {
  // It would vanish, and whoever sent it would not know.
  if (name === '__proto__') throw new Failure('request.invalid', 'Nothing can be called `__proto__`.')
  if (Object.hasOwn(record, name)) throw new Failure('request.invalid', `\`${name.slice(0, 80)}\` is given twice.`)
  record[name] = value
}

function isOn(value: string | null): boolean {
  return value === '1' || value === 'true'
}

/** One that can be logged and returned as it is. */
function idOf(given: string | null): string | undefined {
  return given !== null && /^[\w.:+/=~@-]{1,128}$/.test(given) ? given : undefined
}
