import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { timestampMs } from '@bufbuild/protobuf/wkt'
import { type Failure, toFailure } from '#mesh/errors.ts'
import { attemptOf, clearAttempt, setAttempt, setSession } from '../auth/cookie.ts'
import type { Deps } from '../deps.ts'
import { addressOf } from '../limit/address.ts'
import { type AppEnv, backgroundOf } from './context.ts'
import { html, page } from './page.ts'
import { failures, Name, query } from './schemas.ts'

const maxAnswerLength = 8_192

function asPageToo({ description, content }: (typeof failures)['4XX' | '5XX']) {
  return { description, content: { ...content, 'text/html': { schema: z.string() } } }
}

const tags = ['sessions']
const begin = createRoute({
  tags,
  summary: 'Sign in at a provider',
  description: 'For browsers to go to: they come back with a session in an HTTP-only cookie.',
  method: 'get',
  path: '/v1/sessions/sign-in',
  security: [],
  request: {
    query: query({
      workspace: Name,
      issuer: Name.openapi({ description: 'Of PUT /v1/issuers/{name}', example: 'okta' }),
      return_to: z.string().max(1_000).optional().openapi({ description: 'A path of this gateway; /docs if absent' }),
    }),
  },
  responses: { 303: { description: 'To the provider' }, ...failures },
})
const finish = createRoute({
  tags,
  summary: 'Where providers send browsers back to',
  description: 'The redirect URI to register with a provider. Failures are a page where the browser asks for one.',
  method: 'get',
  path: '/v1/sessions/callback',
  security: [],
  // Providers send more than the standard names.
  request: {
    query: z.looseObject({
      state: z.string().optional(),
      code: z.string().optional(),
      iss: z.string().optional(),
      error: z.string().optional(),
    }),
  },
  responses: {
    303: { description: 'Signed in: to where the sign-in began' },
    '4XX': asPageToo(failures['4XX']),
    '5XX': asPageToo(failures['5XX']),
  },
})

/** Before the routes that need a credential: these lead to one. */
export function providerSignIn(app: OpenAPIHono<AppEnv>, { core, settings, strangers }: Deps): void {
  app.openapi(begin, async (c) => {
    await strangers(c.req.raw, backgroundOf(c))
    const { workspace, issuer, return_to: returnTo = '' } = c.req.valid('query')
    const asked = { metadata: { 'x-request-id': c.var.requestId }, signal: c.req.raw.signal }
    const { url, attempt, expiresIn } = await core.users.beginSignIn({ workspace, issuer, returnTo }, asked)
    const response = goTo(url)
    setAttempt(response.headers, attempt, expiresIn)
    return response
  })

  app.openapi(finish, async (c) => {
    const { headers } = c.req.raw
    try {
      await strangers(c.req.raw, backgroundOf(c))
      const { search } = new URL(c.req.url)
      const { credential, expiresAt, returnTo } = await core.users.finishSignIn(
        {
          answer: search.slice(1, maxAnswerLength),
          attempt: attemptOf(headers),
          address: addressOf(c.req.raw, settings.CLIENT_ADDRESS_HEADER),
          agent: (headers.get('user-agent') ?? '').slice(0, 300),
        },
        { metadata: { 'x-request-id': c.var.requestId }, signal: c.req.raw.signal },
      )
      const response = goTo(returnTo)
      const seconds = expiresAt === undefined ? 0 : Math.floor((timestampMs(expiresAt) - Date.now()) / 1000)
      setSession(response.headers, credential, seconds)
      clearAttempt(response.headers)
      return response
    } catch (thrown) {
      const failure = toFailure(thrown)
      const isPage = /\btext\/html\b/.test(headers.get('accept') ?? '')
      if (!isPage || failure.problem === 'internal.error') throw thrown
      return failurePage(failure, c.var.requestId)
    }
  })
}

/** The code in the address is for nobody else: neither for caches nor for where the browser goes next. */
function goTo(location: string): Response {
  return new Response(null, {
    status: 303,
    headers: { location, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' },
  })
}

async function failurePage({ status, message, hint }: Failure, requestId: string): Promise<Response> {
  const shown = await page(
    'Not signed in',
    html`<p>${message}</p>
      <p>${hint}</p>
      <p>Request <code>${requestId}</code></p>`,
  )
  const response = new Response(shown.body, { status, headers: shown.headers })
  response.headers.set('cache-control', 'no-store')
  return response
}
