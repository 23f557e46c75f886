import type { MiddlewareHandler } from 'hono'
import { Failure } from '#mesh/errors.ts'
import type { AppEnv } from './context.ts'

const authority = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i

/** Host becomes part of the URL: a slash in it would move the path, past whoever looked at the path before us. */
export function hasPlainHost(headers: Headers): boolean {
  const host = headers.get('host')
  return host === null || authority.test(host)
}

/** What a proxy before us may read in another way than the runtime does (RFC 9112, sections 3.2 and 6.3). */
export function framing(): MiddlewareHandler<AppEnv> {
  return async function framing(c, next) {
    const { headers } = c.req.raw
    if (!hasPlainHost(headers)) throw unclear('Host', 'must be one name or address, with or without a port')
    const encoding = headers.get('transfer-encoding')
    if (encoding !== null && encoding.trim().toLowerCase() !== 'chunked') {
      throw unclear('Transfer-Encoding', 'must be chunked alone')
    }
    await next()
  }
}

/** Percent-encoding that is no text would be replaced without a word. */
export function plainQuery(): MiddlewareHandler<AppEnv> {
  return async function plainQuery(c, next) {
    const { url } = c.req.raw
    const at = url.indexOf('?')
    if (at !== -1 && url.includes('%', at)) {
      try {
        decodeURIComponent(url.slice(at + 1))
      } catch (cause) {
        throw new Failure('request.invalid', 'The query string is not percent-encoded UTF-8.', {
          hint: 'Encode each value, as encodeURIComponent does.',
          errors: [{ pointer: 'query', reason: 'is not percent-encoded UTF-8' }],
          cause,
        })
      }
    }
    await next()
  }
}

function unclear(header: string, reason: string): Failure {
  return new Failure('request.invalid', `${header} ${reason}.`, { errors: [{ pointer: header, reason }] })
}
