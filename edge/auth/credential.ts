import { Failure } from '#mesh/errors.ts'
import { isSession, sessionOf } from './cookie.ts'

/** Longer than any credential; what is longer is not worth hashing. */
const maxLength = 8_192

/** As `credentialOf`, for clients of others' services too, which send what they have as the password of some user: RFC 7617. */
export function basicCredentialOf(headers: Pick<Headers, 'get'>): string | Failure {
  const authorization = headers.get('authorization') ?? ''
  if (!/^basic /i.test(authorization)) return credentialOf(headers)
  const wrong = new Failure('auth.invalid', 'The Authorization header is not `Basic` with the key as the password.')
  if (authorization.length > maxLength) return wrong
  try {
    const text = atob(authorization.slice('basic '.length).trim())
    const key = text.slice(text.indexOf(':') + 1)
    return text.includes(':') && /^[\x21-\x7e]+$/.test(key) && !isSession(key) ? key : wrong
  } catch {
    return wrong
  }
}

/** The credential of a request, from `Authorization: Bearer …`, `X-API-Key` or the cookie, never the URL; or why it has none. */
export function credentialOf(headers: Pick<Headers, 'get'>): string | Failure {
  const authorization = headers.get('authorization')
  if (authorization === null) {
    const key = headers.get('x-api-key')
    if (key === null) {
      return (
        sessionOf(headers) ?? new Failure('auth.missing', 'This route needs a credential, and the request has none.')
      )
    }
    if (isSession(key)) return new Failure('auth.invalid', 'A session is sent as the cookie that it is.')
    return key.length > maxLength ? new Failure('auth.invalid', 'The X-API-Key is not a key.') : key
  }
  if (authorization.length > maxLength || !/^bearer +\S+$/i.test(authorization)) {
    return new Failure('auth.invalid', 'The Authorization header is not `Bearer <key>`.')
  }
  const credential = authorization.slice(authorization.lastIndexOf(' ') + 1)
  return isSession(credential) ? new Failure('auth.invalid', 'A session is sent as the cookie that it is.') : credential
}
