import { Failure } from '#mesh/errors.ts'
import { credentialOf } from '../../auth/credential.ts'

/** Longer than any `user:key` in base64. */
const maxLength = 12_000

/**
 * The key as ClickHouse's clients send a password: `X-ClickHouse-Key`, basic credentials, or as all else takes it. The user
 * does not count, since a key says whose it is.
 */
export function clickHouseCredential(headers: Pick<Headers, 'get'>): string | Failure {
  const key = headers.get('x-clickhouse-key')
  if (key !== null && key !== '') return asBearer(key)
  const authorization = headers.get('authorization')
  if (authorization === null || !/^basic /i.test(authorization)) return credentialOf(headers)
  const password = authorization.length > maxLength ? undefined : passwordOf(authorization.slice(6).trim())
  if (password === undefined) return new Failure('auth.invalid', 'The Authorization header is not `Basic <user:key>`.')
  if (password === '') return new Failure('auth.missing', 'There is no password: it is an API key.')
  return asBearer(password)
}

function passwordOf(encoded: string): string | undefined {
  try {
    const text = atob(encoded)
    const colon = text.indexOf(':')
    return colon < 0 ? undefined : text.slice(colon + 1)
  } catch {
    return undefined
  }
}

/** Under the same rules as any other. */
function asBearer(key: string): string | Failure {
  return credentialOf({ get: (name) => (name === 'authorization' ? `Bearer ${key}` : null) })
}
