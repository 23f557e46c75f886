import { Failure } from '#mesh/errors.ts'

/** Longer than any credential; what is longer is not worth hashing. */
const maxLength = 8_192

/** The credential of a request, from `Authorization: Bearer …` or `X-API-Key`, never the URL; or why it has none. */
export function credentialOf(headers: Headers): string | Failure {
  const authorization = headers.get('authorization')
  if (authorization === null) {
    const key = headers.get('x-api-key')
    if (key === null) return new Failure('auth.missing', 'This route needs a credential, and the request has none.')
    return key.length > maxLength ? new Failure('auth.invalid', 'The X-API-Key is not a key.') : key
  }
  if (authorization.length > maxLength || !/^bearer +\S+$/i.test(authorization)) {
    return new Failure('auth.invalid', 'The Authorization header is not `Bearer <key>`.')
  }
  return authorization.slice(authorization.lastIndexOf(' ') + 1)
}
