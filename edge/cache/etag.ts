const marker = new TextEncoder().encode('"statistics"')
/** The statistics are the last member of a JSON answer, and short. */
const searched = 1_024

/** A weak validator (RFC 9110 §8.8.1): the answer without what its running cost, so that the same rows keep their ETag. */
export async function etagOf(body: Uint8Array<ArrayBuffer>, contentType: string): Promise<string> {
  const rows = contentType.startsWith('application/json') ? body.subarray(0, statisticsAt(body)) : body
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', rows))
  return `W/"${btoa(String.fromCharCode(...hash.subarray(0, 15)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')}"`
}

/** To the end of the answer: a column may be called so, and not every answer has the member. */
const member = /^"statistics":\s*\{[^{}]*\}\s*\}\s*$/

/** Inside of strings the quotation marks are escaped, so the last one that is not is the member's name. */
function statisticsAt(body: Uint8Array): number {
  for (let at = body.length - marker.length; at >= Math.max(0, body.length - searched); at--) {
    if (body[at] === marker[0] && body[at - 1] !== 0x5c && marker.every((byte, i) => body[at + i] === byte)) {
      return member.test(new TextDecoder().decode(body.subarray(at))) ? at : body.length
    }
  }
  return body.length
}

/** If-None-Match (RFC 9110 §13.1.2): by weak comparison. */
export function matches(ifNoneMatch: string | null, etag: string): boolean {
  if (ifNoneMatch === null) return false
  if (ifNoneMatch === etag || ifNoneMatch.trim() === '*') return true
  return ifNoneMatch.split(',').some((one) => one.trim().replace(/^W\//, '') === etag.slice(2))
}
