/** `X-Request-Id` as it came, if it can be logged and returned as it is; else one of our own. */
export function createRequestIds(random: () => string) {
  let prefix = ''
  let count = 0
  return (headers: Pick<Headers, 'get'>): string => {
    const given = headers.get('x-request-id')
    if (given !== null && given.length <= 64 && /^[\w.:+/=~@-]+$/.test(given)) return given
    // Randomness may not be asked for before the first request.
    if (prefix === '') prefix = `req_${random()}`
    return prefix + (count++).toString(36)
  }
}
