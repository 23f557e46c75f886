import { isIP } from 'node:net'
import { Failure } from '#mesh/errors.ts'
import { isPublic } from '../outbound.ts'

/**
 * Whether routes may lead to a URL. `allowed` are the operator's: `host`, `host:port` (that port only) or `.suffix` (the
 * hosts below it). Only a host that is named in full is `trusted`: it may be a private address, or spoken to without TLS.
 * A suffix says who owns the name, not where it leads.
 */
export function checkUpstream(
  text: string,
  allowed: readonly string[],
  pointer: string,
): { readonly trusted: boolean } {
  const refuse = (reason: string, hint?: string) =>
    new Failure('request.invalid', `\`${text.slice(0, 200).replace(/\/\/[^/]*@/, '//')}\` cannot be an upstream.`, {
      hint: hint ?? 'Give an https URL of a host that the operator allows with UPSTREAM_ALLOW.',
      errors: [{ pointer, reason }],
    })
  if (text.length > 1_000) throw refuse('is longer than 1000 characters')
  if (!URL.canParse(text)) throw refuse('is not a URL')
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refuse('must be https')
  if (url.username !== '' || url.password !== '') throw refuse('holds a credential', 'Send it with `set_headers`.')
  if (url.search !== '' || url.hash !== '') throw refuse('may hold no query and no fragment')
  // A trailing dot names the same host.
  const host = url.hostname.replace(/\.$/, '')
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  const entries = allowed.map((entry) => entry.toLowerCase())
  if (entries.some((entry) => entry === host || entry === `${host}:${port}`)) return { trusted: true }
  const bare = host.replace(/^\[|\]$/g, '')
  if (isIP(bare) !== 0 && !isPublic(bare)) throw refuse('its address is a private one')
  if (isIP(bare) !== 0 || !entries.some((entry) => entry.startsWith('.') && host.endsWith(entry))) {
    throw refuse('its host is not allowed')
  }
  if (url.protocol !== 'https:') throw refuse('must be https')
  if (port !== '443') throw refuse('its port is not allowed')
  return { trusted: false }
}
