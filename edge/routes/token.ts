import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { Failure, toFailure } from '#mesh/errors.ts'
import { toProblemJson } from '#mesh/rpc/problem.ts'
import { Grant, type IssueTokenRequestSchema } from '#proto/edgewise/identity/v1/token_pb.ts'
import { credentialOf } from '../auth/credential.ts'
import { requestMetadata } from '../core.ts'
import type { Deps } from '../deps.ts'
import { parseJson, readBody, textOf } from './body.ts'
import { type AppEnv, backgroundOf } from './context.ts'
import { filtersOf, Filters, Value } from './keys.ts'
import { failures, json, Problem } from './schemas.ts'

const maxBytes = 64 << 10

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const Ask = z
  .strictObject({
    grant_type: z.enum(['client_credentials', 'refresh_token', exchangeGrant]),
    client_id: z.string().max(200).optional(),
    client_secret: z.string().max(200).optional().openapi({ description: 'The API key, where no header has it' }),
    refresh_token: z.string().max(200).optional(),
    subject_token: z
      .string()
      .max(8_192)
      .optional()
      .openapi({ description: 'A token of a declared issuer, or of ours' }),
    subject_token_type: z
      .enum(['urn:ietf:params:oauth:token-type:access_token', 'urn:ietf:params:oauth:token-type:jwt'])
      .optional(),
    scope: z
      .string()
      .max(4_096)
      .optional()
      .openapi({ description: 'Fewer scopes than the credential has; `offline_access` asks for a refresh token' }),
    params: z.record(z.string(), Value).optional().openapi({ description: 'Endpoint parameters to bind' }),
    filters: Filters.optional(),
    ttl_s: z.coerce.number().int().min(1).max(900).optional(),
  })
  .openapi('TokenRequest')
const Answer = z
  .object({
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.int(),
    scope: z.string(),
    refresh_token: z.string().optional(),
    issued_token_type: z.string().optional(),
  })
  .openapi('Token')
const OAuthProblem = Problem.extend({ error: z.string(), error_description: z.string() }).openapi('TokenProblem')

const content = {
  'application/x-www-form-urlencoded': { schema: Ask },
  'application/json': { schema: Ask },
}
const issue = createRoute({
  tags: ['tokens'],
  summary: 'Get an access token for a key, a refresh token or another token',
  description: 'RFC 6749 and RFC 8693. In a form, `params` and `filters` are JSON texts.',
  method: 'post',
  path: '/v1/token',
  security: [],
  request: { body: { required: true, content } },
  responses: {
    200: json('The token', Answer),
    400: { description: 'The grant does not hold', content: { 'application/problem+json': { schema: OAuthProblem } } },
    ...failures,
  },
})

/** How OAuth 2.0 calls our problems (RFC 6749, 5.2), for clients that know nothing of them. */
const oauthErrors: Readonly<Record<string, string>> = {
  'auth.missing': 'invalid_client',
  'auth.invalid': 'invalid_client',
  'auth.grant': 'invalid_grant',
  'limit.rate': 'slow_down',
  'core.unavailable': 'temporarily_unavailable',
}

/** Before the routes that need a credential: here the credential is what is asked with. */
export function token(app: OpenAPIHono<AppEnv>, { core, strangers }: Deps): void {
  app.openAPIRegistry.registerPath(issue)
  app.post('/v1/token', async (c) => {
    try {
      await strangers(c.req.raw, backgroundOf(c))
      const asked = parse(await readBody(c.req.raw, maxBytes), c.req.header('content-type') ?? '')
      const credential = credentialFor(asked, c.req.raw.headers)
      const scopes = (asked.scope ?? '').split(' ').filter((scope) => scope !== '')
      const answer = await core.tokens.issueToken(
        {
          grant: grantOf(asked.grant_type),
          credential,
          scopes: scopes.filter((scope) => scope !== 'offline_access'),
          params: Object.fromEntries(Object.entries(asked.params ?? {}).map(([name, value]) => [name, String(value)])),
          filters: filtersOf(asked.filters),
          offline: scopes.includes('offline_access'),
          ttlSeconds: asked.ttl_s ?? 0,
        } satisfies MessageInitShape<typeof IssueTokenRequestSchema>,
        { metadata: requestMetadata(c.var.requestId, c.var.address), signal: c.req.raw.signal },
      )
      return c.json(
        {
          access_token: answer.accessToken,
          token_type: 'Bearer',
          expires_in: answer.expiresIn,
          scope: answer.scopes.join(' '),
          ...(answer.refreshToken !== '' && { refresh_token: answer.refreshToken }),
          ...(asked.grant_type === exchangeGrant && {
            issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          }),
        },
        200,
        { 'cache-control': 'no-store', pragma: 'no-cache' },
      )
    } catch (thrown) {
      const failure = toFailure(thrown)
      if (failure.problem === 'internal.error') throw thrown
      const problem = toProblemJson(failure, c.var.requestId)
      const error = oauthErrors[failure.problem] ?? 'invalid_request'
      const headers = new Headers({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' })
      if (failure.status === 401) headers.set('www-authenticate', 'Bearer, Basic realm="edgewise"')
      if (failure.retryAfterMs !== undefined) {
        headers.set('retry-after', String(Math.ceil(failure.retryAfterMs / 1000)))
      }
      return Response.json(
        { ...problem, error, error_description: failure.message },
        { status: failure.status, headers },
      )
    }
  })
}

type Asked = z.output<typeof Ask>

function parse(body: Uint8Array, type: string): Asked {
  const parsed = Ask.safeParse(fieldsOf(textOf(body), type))
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues.slice(0, 20).map((issue) => ({
    pointer: issue.path.length > 0 ? `/${issue.path.map(String).join('/')}` : '',
    reason: issue.message,
  }))
  throw new Failure('request.invalid', 'The request for a token is not well formed.', { errors })
}

function fieldsOf(text: string, type: string): unknown {
  if (type.startsWith('application/json')) return parseJson(text)
  if (!type.startsWith('application/x-www-form-urlencoded')) {
    throw new Failure('request.unsupported_media_type', 'The body must be a form or JSON.', {
      hint: 'Send application/x-www-form-urlencoded, or application/json.',
    })
  }
  const fields = new Map<string, unknown>()
  for (const [name, value] of new URLSearchParams(text)) {
    if (fields.has(name)) {
      throw new Failure('request.invalid', `${name.slice(0, 80)} is there twice.`, {
        errors: [{ pointer: `/${name.slice(0, 80)}`, reason: 'must be there once' }],
      })
    }
    fields.set(name, name === 'params' || name === 'filters' ? jsonOf(value, name) : value)
  }
  return Object.fromEntries(fields)
}

function jsonOf(text: string, what: string): unknown {
  try {
    return parseJson(text)
  } catch (cause) {
    throw new Failure('request.invalid', `${what} cannot be taken: ${(cause as Failure).message}`, {
      errors: (cause as Failure).errors,
      cause,
    })
  }
}

function grantOf(type: Asked['grant_type']): Grant {
  if (type === 'client_credentials') return Grant.CLIENT_CREDENTIALS
  return type === 'refresh_token' ? Grant.REFRESH_TOKEN : Grant.TOKEN_EXCHANGE
}

function credentialFor(asked: Asked, headers: Headers): string {
  if (asked.grant_type === 'refresh_token') return needed(asked.refresh_token, 'refresh_token')
  if (asked.grant_type === exchangeGrant) return needed(asked.subject_token, 'subject_token')
  if (asked.client_secret !== undefined) return asked.client_secret
  const basic = /^basic +([\w+/=-]+)$/i.exec(headers.get('authorization') ?? '')?.[1]
  if (basic !== undefined) return passwordOf(basic)
  const credential = credentialOf(headers)
  if (credential instanceof Failure) throw credential
  return credential
}

/** RFC 6749, 2.3.1: name and secret are form-encoded before they are joined. */
function passwordOf(basic: string): string {
  try {
    const text = atob(basic)
    return decodeURIComponent(text.slice(text.indexOf(':') + 1))
  } catch (cause) {
    throw new Failure('auth.invalid', 'The Authorization header is not Basic with a name and a key.', { cause })
  }
}

function needed(value: string | undefined, name: string): string {
  if (value !== undefined && value !== '') return value
  throw new Failure('request.invalid', `${name} is missing.`, {
    errors: [{ pointer: `/${name}`, reason: 'this grant needs it' }],
  })
}
