import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'

/** An OpenID provider of our own, as real as its documents and keys: for what a real one cannot be made to do. */
export async function startProvider() {
  const requests: string[] = []
  const state = { keys: [] as JWK[], answering: true, metadata: {} as Record<string, unknown> }
  let signing:
    | { readonly kid: string; readonly key: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'] }
    | undefined
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    if (!state.answering) {
      request.socket.destroy()
      return
    }
    const metadata = { issuer, jwks_uri: `${issuer}/keys`, ...state.metadata }
    response.setHeader('content-type', 'application/json')
    if (request.url === '/.well-known/openid-configuration') response.end(JSON.stringify(metadata))
    else if (request.url === '/keys') response.end(JSON.stringify({ keys: state.keys }))
    else response.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const issuer = `http://${host}`

  /** A new key, beside those of before unless they are withdrawn. */
  async function rotate(withdraw = false): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
    const kid = `key-${state.keys.length + 1}-${Date.now()}`
    state.keys = [...(withdraw ? [] : state.keys), { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'ES256' }]
    signing = { kid, key: privateKey }
  }
  await rotate()

  return {
    host,
    issuer,
    requests,
    state,
    rotate,
    /** A token as this provider gives it. */
    token(claims: JWTPayload = {}, header: Record<string, unknown> = {}, now = Date.now()): Promise<string> {
      if (signing === undefined) throw new Error('there is no key')
      const seconds = Math.floor(now / 1000)
      return new SignJWT({ iss: issuer, aud: 'edgewise', sub: 'ann', iat: seconds, exp: seconds + 300, ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: signing.kid, ...header })
        .sign(signing.key)
    },
    async close(): Promise<void> {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export type Provider = Awaited<ReturnType<typeof startProvider>>
