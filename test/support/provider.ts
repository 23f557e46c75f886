import { hash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'

/** An OpenID provider of our own, as real as its documents and keys: for what a real one cannot be made to do. */
export async function startProvider() {
  const requests: string[] = []
  const state = {
    keys: [] as JWK[],
    answering: true,
    metadata: {} as Record<string, unknown>,
    /** Of whoever signs in next: what its ID token says, and its header. */
    claims: {} as JWTPayload,
    header: {} as Record<string, unknown>,
    /** Instead of what is right, in what the browser brings back. */
    answer: {} as Record<string, string>,
    /** How clients showed who they are. */
    clients: [] as string[],
  }
  const codes = new Map<string, URLSearchParams>()
  let signing:
    | { readonly kid: string; readonly key: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'] }
    | undefined
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    if (!state.answering) {
      request.socket.destroy()
      return
    }
    const metadata = {
      issuer,
      jwks_uri: `${issuer}/keys`,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      authorization_response_iss_parameter_supported: true,
      ...state.metadata,
    }
    const url = new URL(request.url ?? '', issuer)
    if (url.pathname === '/authorize') {
      response.writeHead(302, { location: authorized(url.searchParams) }).end()
      return
    }
    response.setHeader('content-type', 'application/json')
    if (request.url === '/token') {
      void redeemed(request).then(
        (tokens) => response.end(JSON.stringify(tokens)),
        (error: Error) => response.writeHead(400).end(JSON.stringify({ error: error.message })),
      )
    } else if (request.url === '/.well-known/openid-configuration') response.end(JSON.stringify(metadata))
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

  /** A token as this provider gives it. */
  function token(claims: JWTPayload = {}, header: Record<string, unknown> = {}, now = Date.now()): Promise<string> {
    if (signing === undefined) throw new Error('there is no key')
    const seconds = Math.floor(now / 1000)
    return new SignJWT({ iss: issuer, aud: 'edgewise', sub: 'ann', iat: seconds, exp: seconds + 300, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: signing.kid, ...header })
      .sign(signing.key)
  }

  /** Everybody is signed in here already: the browser goes back at once, with a code. */
  function authorized(asked: URLSearchParams): string {
    const code = randomUUID()
    codes.set(code, asked)
    const back = new URL(asked.get('redirect_uri') ?? '')
    const answer = { code, state: asked.get('state') ?? '', iss: issuer, session_state: 'x', ...state.answer }
    for (const [name, value] of Object.entries(answer)) if (value !== '') back.searchParams.set(name, value)
    return back.href
  }

  /** RFC 6749, 4.1.3 and RFC 7636, 4.6: a code is good once, for whoever knows the verifier. */
  async function redeemed(request: IncomingMessage) {
    const form = new URLSearchParams(await text(request))
    const asked = codes.get(form.get('code') ?? '')
    codes.delete(form.get('code') ?? '')
    const challenge = hash('sha256', form.get('code_verifier') ?? '', 'base64url')
    if (asked?.get('code_challenge') !== challenge || asked.get('code_challenge_method') !== 'S256') {
      throw new Error('invalid_grant')
    }
    if (asked.get('redirect_uri') !== form.get('redirect_uri')) throw new Error('invalid_grant')
    state.clients.push(request.headers.authorization ?? `${form.get('client_id')}:${form.get('client_secret') ?? ''}`)
    const claims = { aud: asked.get('client_id') ?? '', nonce: asked.get('nonce'), ...state.claims }
    return { access_token: 'opaque', token_type: 'Bearer', id_token: await token(claims, state.header) }
  }

  return {
    host,
    issuer,
    requests,
    state,
    rotate,
    token,
    async close(): Promise<void> {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export type Provider = Awaited<ReturnType<typeof startProvider>>
