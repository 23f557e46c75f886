import { Failure, type Violation } from '#mesh/errors.ts'
import { record } from '../audit/index.ts'
import { authorise, type Context } from '../context.ts'
import type { Seal } from '../seal.ts'
import type { ControlDb } from '../storage/control.ts'
import { checkName } from './names.ts'
import type { RouteDefinition } from './schema.ts'
import { insertChange } from './store.ts'
import { lockGateway, routeAt, routeByName, type RouteRow, routesOf, upsertRoute } from './store-gateway.ts'
import { checkUpstream } from './upstreams.ts'

export interface GatewayDeps {
  readonly db: ControlDb
  readonly seal: Seal
  /** Where routes may lead: `host`, `host:port`, `.suffix`. */
  readonly upstreams: readonly string[]
}

export interface RouteInput extends RouteDefinition {
  readonly name: string
  readonly path: string
  /** A value that is absent stays what it is. */
  readonly setHeaders: readonly { readonly name: string; readonly value?: string | undefined }[]
  /** The version that it must have now; 0 for any. */
  readonly ifVersion: number
  readonly dryRun: boolean
}

/** Edges hold all routes of a workspace that they serve. */
export const maxRoutes = 500
const maxHeaders = 20
const maxHeaderLength = 8 << 10

/** Defines a route, for edges to serve within five seconds. */
export async function putRoute(deps: GatewayDeps, ctx: Context, input: RouteInput): Promise<RouteRow> {
  authorise(ctx, 'routes:admin', input.name)
  checkName(input.name, '/name')
  const { name, path, setHeaders, ifVersion, dryRun, ...definition } = input
  const errors = [...violations(input), ...headerViolations(input)]
  if (errors.length > 0) throw new Failure('request.invalid', 'The route does not hold.', { errors })
  checkUpstream(definition.upstream, deps.upstreams, '/upstream')
  const { workspace } = ctx.actor
  return deps.db.transaction(async (tx) => {
    await lockGateway(tx, workspace)
    const before = await routeByName(tx, workspace, name)
    if (ifVersion !== 0 && before?.version !== ifVersion) throw changedMeanwhile(name, ifVersion, before?.version)
    if (before === undefined && (await routesOf(tx, workspace, maxRoutes)).length === maxRoutes) {
      throw new Failure('request.invalid', `A workspace has at most ${maxRoutes} routes.`)
    }
    const values = headerValues(deps.seal, before, input)
    const row: RouteRow = {
      workspace,
      name,
      version: (before?.version ?? 0) + 1,
      path,
      definition,
      headerNames: Object.keys(values),
      sealedHeaders:
        setHeaders.length === 0 ? '' : deps.seal.seal(headersPlace(workspace, name), JSON.stringify(values)),
    }
    const other = await routeAt(tx, row)
    if (other !== undefined) {
      throw new Failure('resource.exists', `${path} is the path of the route \`${other}\` already.`, {
        hint: 'Choose another path, or change that route.',
        errors: [{ pointer: '/path', reason: `is taken by ${other}` }],
      })
    }
    if (dryRun) return row
    await upsertRoute(tx, row)
    await insertChange(tx, { kind: 'route', workspace, name })
    const { upstream, public: open } = definition
    const detail = { version: row.version, path, upstream, public: open, set_headers: [...row.headerNames] }
    await record(tx, ctx, { action: 'put_route', resource: `route/${name}`, detail })
    return row
  })
}

/** The headers that edges set, with their values. */
export function openHeaders(seal: Seal, row: RouteRow): Readonly<Record<string, string>> {
  if (row.sealedHeaders === '') return {}
  return JSON.parse(seal.open(headersPlace(row.workspace, row.name), row.sealedHeaders)) as Record<string, string>
}

export function headersPlace(workspace: string, name: string): string {
  return `route/${workspace}/${name}`
}

/** What is kept was meant for the upstream of before, and nobody may send it elsewhere without knowing it. */
function headerValues(seal: Seal, before: RouteRow | undefined, { setHeaders, upstream }: RouteInput) {
  const same = before !== undefined && new URL(before.definition.upstream).origin === new URL(upstream).origin
  const kept = same ? openHeaders(seal, before) : {}
  const values: Record<string, string> = {}
  for (const [i, { name, value = kept[name] }] of setHeaders.entries()) {
    if (value === undefined) {
      throw new Failure('request.invalid', `\`${name}\` has no value that could be kept.`, {
        hint: 'Send its value: one is kept only while the upstream stays the same.',
        errors: [{ pointer: `/set_headers/${i}`, reason: 'has no value' }],
      })
    }
    values[name] = value
  }
  if (JSON.stringify(values).length > maxHeaderLength) {
    throw new Failure('request.invalid', `The headers that are set have more than ${maxHeaderLength} characters.`, {
      errors: [{ pointer: '/set_headers', reason: 'are too long together' }],
    })
  }
  return values
}

/** What needs no decoding means the same to whoever reads it. */
const pathShape = /^(?:\/|(?:\/[\w~!$&'()*+,;=:@-][\w.~!$&'()*+,;=:@-]*)+)$/
const methodShape = /^[A-Z]{1,20}$/

function violations({ path, methods, timeoutMs, retries, limit, description }: RouteInput): Violation[] {
  const errors: Violation[] = []
  if (!pathShape.test(path) || path.length > 200) {
    errors.push({ pointer: '/path', reason: 'must be / or like /shop/v1, of at most 200 characters, without %' })
  }
  for (const [i, method] of methods.entries()) {
    if (methodShape.test(method) && method !== 'CONNECT' && method !== 'TRACE') continue
    errors.push({ pointer: `/methods/${i}`, reason: 'must be a method such as GET' })
  }
  if (methods.length > 20) errors.push({ pointer: '/methods', reason: 'must be at most 20' })
  if (timeoutMs < 1 || timeoutMs > 300_000) errors.push({ pointer: '/timeout_ms', reason: 'must be 1 to 300000' })
  if (retries > 5) errors.push({ pointer: '/retries', reason: 'must be 0 to 5' })
  if (limit !== undefined && (limit.windowSeconds < 1 || limit.windowSeconds > 86_400)) {
    errors.push({ pointer: '/limit/window_s', reason: 'must be 1 to 86400' })
  }
  if (description.length > 2_000) errors.push({ pointer: '/description', reason: 'must be at most 2000 characters' })
  return errors
}

/** https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2, in lower case. */
const headerShape = /^[a-z0-9!#$%&'*+.^_`|~-]{1,100}$/
/** They are about the connection, or about whoever calls: the edge says them. */
const ownHeaders =
  /^(?:host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|content-length|proxy-.*|x-forwarded-.*|forwarded|edgewise-.*)$/

function headerViolations({ setHeaders, removeHeaders }: RouteInput): Violation[] {
  const errors: Violation[] = []
  for (const [field, names] of [
    ['set_headers', setHeaders.map(({ name }) => name)],
    ['remove_headers', removeHeaders],
  ] as const) {
    if (names.length > maxHeaders) errors.push({ pointer: `/${field}`, reason: `must be at most ${maxHeaders}` })
    for (const [i, name] of names.entries()) {
      if (!headerShape.test(name)) errors.push({ pointer: `/${field}/${i}`, reason: 'is not the name of a header' })
      else if (ownHeaders.test(name)) errors.push({ pointer: `/${field}/${i}`, reason: 'is the gateway’s own to say' })
      else if (names.indexOf(name) !== i) errors.push({ pointer: `/${field}/${i}`, reason: 'is there twice' })
    }
  }
  for (const [i, { value }] of setHeaders.entries()) {
    if (value === undefined || /^[\t\x20-\x7e]{0,4096}$/.test(value)) continue
    errors.push({ pointer: `/set_headers/${i}`, reason: 'must be at most 4096 printable ASCII characters' })
  }
  return errors
}

function changedMeanwhile(name: string, asked: number, is: number | undefined): Failure {
  const now = is === undefined ? 'does not exist' : `is at version ${is}`
  return new Failure('request.precondition', `\`${name}\` ${now}, not at version ${asked}.`)
}
