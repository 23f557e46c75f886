import { Failure } from '#mesh/errors.ts'
import { base64url } from 'jose'

/**
 * What a browser keeps of a sign-in. `__Host-`: sent to this host alone and over https alone (browsers take loopback for
 * secure), and no other host can set it. Scripts cannot read it; what they prove they are of this site with is the CSRF token.
 */
const sessionCookie = '__Host-edgewise'
/** Known browsers stay known when somebody signs out. */
const deviceCookie = '__Host-edgewise-device'
const deviceSeconds = 400 * 86_400
/** A sign-in at a provider that is under way: whoever comes back must be the browser that went. */
const attemptCookie = '__Host-edgewise-sign-in'
const longestAttempt = 4_096

export function cookieOf(headers: Pick<Headers, 'get'>, name: string): string | undefined {
  const text = headers.get('cookie')
  if (text === null) return undefined
  for (const pair of text.split(';')) {
    const at = pair.indexOf('=')
    if (pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return undefined
}

/** The session of a browser: `ews_…`. */
export function sessionOf(headers: Pick<Headers, 'get'>): string | undefined {
  const value = cookieOf(headers, sessionCookie)
  return value !== undefined && isSession(value) ? value : undefined
}

/** Whether a credential is a browser's: no header may carry one, so no page can be made to. */
export function isSession(credential: string): boolean {
  return credential.startsWith('ews_') && /^ews_[\w-]{43}$/.test(credential)
}

export function deviceOf(headers: Headers): string {
  const value = cookieOf(headers, deviceCookie) ?? ''
  return /^ewd_[\w-]{43}$/.test(value) ? value : ''
}

export function attemptOf(headers: Headers): string {
  const value = cookieOf(headers, attemptCookie) ?? ''
  return value.length <= longestAttempt && /^[\w.-]*$/.test(value) ? value : ''
}

export function setAttempt(headers: Headers, attempt: string, seconds: number): void {
  headers.append('set-cookie', cookie(attemptCookie, attempt, seconds))
}

export function clearAttempt(headers: Headers): void {
  headers.append('set-cookie', cookie(attemptCookie, '', 0))
}

export function setSession(headers: Headers, credential: string, seconds: number, device?: string): void {
  headers.append('set-cookie', cookie(sessionCookie, credential, seconds))
  if (device !== undefined) headers.append('set-cookie', cookie(deviceCookie, device, deviceSeconds))
}

export function clearSession(headers: Headers): void {
  headers.append('set-cookie', cookie(sessionCookie, '', 0))
}

function cookie(name: string, value: string, seconds: number): string {
  return `${name}=${value}; Path=/; Max-Age=${seconds}; Secure; HttpOnly; SameSite=Lax`
}

/** What a page of this site sends with what changes something: made of the session, so nothing has to be kept for it. */
export async function csrfTokenOf(credential: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(`csrf of ${credential}`))
  return base64url.encode(new Uint8Array(digest))
}

/**
 * A cookie comes with every request, whoever's page made it. So a request that may change something must come from a page of
 * this site (Fetch Metadata, Origin) and show that its page could read the CSRF token.
 */
export async function refuseForgery(request: Request, credential: string): Promise<void> {
  const { headers, method } = request
  const site = headers.get('sec-fetch-site')
  if (method === 'GET' || method === 'HEAD') {
    // Reading is harmless to the person, and another site cannot read the answer; scripts of other sites gain nothing.
    if (site === 'cross-site') throw forged('it comes from another site')
    return
  }
  const origin = headers.get('origin')
  if (site !== null && site !== 'same-origin' && site !== 'none') throw forged('it comes from another site')
  if (origin !== null && origin !== new URL(request.url).origin) throw forged('it comes from another origin')
  if (headers.get('x-csrf-token') !== (await csrfTokenOf(credential)))
    throw forged('its X-CSRF-Token is not that of the session')
}

function forged(why: string): Failure {
  return new Failure('auth.csrf', `The request is refused: ${why}.`)
}
