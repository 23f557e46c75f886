/**
 * Who a service is in a mesh, as its certificate says it (SPIFFE-ID, 2): a trust domain and a path. Istio's are
 * `spiffe://cluster.local/ns/<namespace>/sa/<service account>`.
 */
const shape = /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/[\w.-]+)+$/
const maxLength = 2_048

export function isSpiffeId(text: string): boolean {
  return text.length <= maxLength && shape.test(text)
}

/** The one of a certificate, by its subjectAltName as Node writes it. With more than one URI it is nobody's (X.509-SVID, 2). */
export function spiffeIdOf(subjectAltName: string | undefined): string | undefined {
  // A name with commas in it comes in quotes, and might hold what looks like another name.
  if (subjectAltName === undefined || subjectAltName.includes('"')) return undefined
  return onlyId(subjectAltName.split(', '), 'URI:')
}

/**
 * The one in Envoy's `x-forwarded-client-cert`. Elements before the last are whatever came to the proxy; the last is its own
 * word about whom it spoke with, if what came before it does not make it part of a quoted value.
 */
export function forwardedSpiffeId(header: string): string | undefined {
  const element = unquotedSplit(header, ',')?.at(-1)
  return onlyId(unquotedSplit(element ?? '', ';') ?? [], 'URI=')
}

function onlyId(names: readonly string[], prefix: string): string | undefined {
  const found = names.map((name) => name.trim()).filter((name) => name.toUpperCase().startsWith(prefix))
  const id = found.length === 1 ? found[0]?.slice(prefix.length) : undefined
  return id !== undefined && isSpiffeId(id) ? id : undefined
}

/** Undefined where a quote does not end. */
function unquotedSplit(text: string, separator: string): readonly string[] | undefined {
  const parts: string[] = []
  let from = 0
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    if (quoted && text[at] === '\\') at++
    else if (text[at] === '"') quoted = !quoted
    else if (!quoted && text[at] === separator) {
      parts.push(text.slice(from, at))
      from = at + 1
    }
  }
  return quoted ? undefined : [...parts, text.slice(from)]
}
