import type { Hono } from 'hono'
import type { Deps } from '../deps.ts'
import type { AppEnv } from './context.ts'

/** For those who verify our tokens by themselves: OpenID Connect Discovery 1.0 and RFC 8414. */
export function wellKnown(app: Hono<AppEnv>, { trust }: Deps): void {
  const cached = { 'cache-control': 'public, max-age=300' }
  app.get('/.well-known/jwks.json', async (c) => {
    const { jwks } = await trust.own(c.var.requestId)
    return c.body(jwks, 200, { ...cached, 'content-type': 'application/jwk-set+json' })
  })
  app.on('GET', ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'], async (c) => {
    const { issuer } = await trust.own(c.var.requestId)
    return c.json(
      {
        issuer,
        token_endpoint: `${issuer}/v1/token`,
        jwks_uri: `${issuer}/.well-known/jwks.json`,
        grant_types_supported: [
          'client_credentials',
          'refresh_token',
          'urn:ietf:params:oauth:grant-type:token-exchange',
        ],
        token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
        response_types_supported: [],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['ES256'],
      },
      200,
      cached,
    )
  })
}
