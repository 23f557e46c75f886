/**
 * Where a request comes from. What stands in front says it in the header that the installation names (Cloudflare:
 * `cf-connecting-ip`; behind a proxy that appends: `x-forwarded-for`, whose last entry is the proxy's own word); with
 * nothing in front it is the other end of the connection. Empty where the runtime does not say.
 */
export function addressOf(request: Request, header: string | undefined): string {
  if (header !== undefined) return request.headers.get(header)?.split(',').at(-1)?.trim() ?? ''
  const { clientIp } = (request.cf ?? {}) as { readonly clientIp?: unknown }
  return typeof clientIp === 'string' ? withoutPort(clientIp) : ''
}

/** `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(text: string): string {
  return /^\[(.*)\](:\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text
}
