/** What a credential costs the edge: each kind once it is known, and a provider's token the first time. */
import { create } from '@bufbuild/protobuf'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { generateKey } from '#mesh/keys.ts'
import { WatchResponseSchema } from '#proto/edgewise/config/v1/config_pb.ts'
import { VerifyKeyResponseSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { RefreshIssuerResponseSchema, TrustSchema } from '#proto/edgewise/identity/v1/token_pb.ts'
import { credentialOf } from '../../edge/auth/credential.ts'
import { createSessions } from '../../edge/auth/sessions.ts'
import { createEdgeTrust } from '../../edge/auth/trust.ts'
import { createFeed } from '../../edge/changes/feed.ts'
import { createLimiter } from '../../edge/limit/limiter.ts'
import { createMemoryLeases } from '../../edge/limit/memory.ts'
import { median } from './report.ts'

const issuer = 'https://id.example.com/realms/shop'
const background = { waitUntil: (work: Promise<unknown>) => void work }

/** In microseconds, medians. */
export async function credentialMicroseconds() {
  const now = () => Date.now()
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }] })
  const rules = [{ claim: 'groups', value: '/analysts', workspace: 'main', scopes: ['endpoints:read', 'sql:read'] }]
  const trusted = create(TrustSchema, {
    issuers: [{ issuer, audiences: ['edgewise'], algorithms: ['RS256'], jwks, clockSkewSeconds: 30, rules }],
  })
  const feed = createFeed({ config: { watch: async () => create(WatchResponseSchema, { cursor: '1' }) }, now })
  const tokens = { getTrust: async () => trusted, refreshIssuer: async () => create(RefreshIssuerResponseSchema) }
  const sessions = createSessions({
    identity: {
      verifyKey: async () =>
        create(VerifyKeyResponseSchema, { actor: { workspace: 'main', id: 'key_1', scopes: ['endpoints:read'] } }),
    },
    trust: createEdgeTrust({ tokens, feed, now }),
    feed,
    limiter: createLimiter({ leases: createMemoryLeases({ now }), now, onDegraded: () => undefined }),
    now,
  })
  /** As large as Keycloak's: about 1,000 characters. */
  const token = (n: number): Promise<string> =>
    new SignJWT({
      iss: issuer,
      aud: 'edgewise',
      sub: `user-${n}`,
      jti: crypto.randomUUID(),
      sid: crypto.randomUUID(),
      azp: 'shop',
      typ: 'Bearer',
      scope: 'openid email profile',
      preferred_username: `user-${n}`,
      realm_access: { roles: ['offline_access', 'default-roles-shop', 'uma_authorization'] },
      groups: ['/analysts', '/sales'],
    })
      .setProtectedHeader({ alg: 'RS256', kid: 'k1', typ: 'JWT' })
      .setIssuedAt()
      .setExpirationTime('15m')
      .sign(privateKey)

  async function repeated(credential: string): Promise<number> {
    await sessions.open(credential, 'bench', background)
    const headers = new Headers({ authorization: `Bearer ${credential}` })
    return median(
      Array.from({ length: 9 }, () => {
        const startedAt = performance.now()
        for (let i = 0; i < 50_000; i++) {
          const found = credentialOf(headers)
          if (typeof found !== 'string' || sessions.peek(found) === undefined) throw new Error('It is not known.')
        }
        return (performance.now() - startedAt) / 50
      }),
    )
  }

  const repeatedKey = await repeated(generateKey())
  const repeatedToken = await repeated(await token(0))
  const first: number[] = []
  for (let n = 1; n <= 500; n++) {
    const fresh = await token(n)
    const startedAt = performance.now()
    await sessions.open(fresh, 'bench', background)
    first.push((performance.now() - startedAt) * 1000)
  }
  return { repeatedKey, repeatedToken, firstToken: median(first) }
}
