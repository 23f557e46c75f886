import { createClient, EdgewiseError } from '#mesh/client/index.ts'
import type { Credentials } from '../credentials.ts'
import type { Finding } from '../doctor.ts'

const timeoutMs = 3_000
const maxSkewMs = 5_000

/** The gateway from outside: does it answer, does it know the key, do the clocks agree. */
export async function checkGateway({ url, key }: Credentials): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  const asked = Date.now()
  try {
    const response = await fetch(new URL('/health/ready', url), { signal: AbortSignal.timeout(timeoutMs) })
    const said = Date.parse(response.headers.get('date') ?? '')
    findings.push(
      response.ok
        ? { level: 'ok', what: `${url} is ready` }
        : {
            level: 'broken',
            what: `${url} answers ${response.status}: the edge runs, the core does not answer it`,
            mend: 'See logs/core.log in the data directory.',
          },
    )
    const skew = Number.isNaN(said) ? 0 : Math.abs(said - (asked + Date.now()) / 2)
    if (skew > maxSkewMs) {
      findings.push({
        level: 'warning',
        what: `The gateway's clock is ${Math.round(skew / 1000)} s off this one`,
        mend: 'Set the clocks (NTP): expiry and limits go by them.',
      })
    }
  } catch {
    return [{ level: 'broken', what: `${url} does not answer`, mend: 'Run `edgewise start`, or give --url.' }]
  }
  if (key === undefined)
    return [
      ...findings,
      {
        level: 'warning',
        what: `There is no key for ${url}`,
        mend: 'Give --key, set EDGEWISE_KEY, or run `edgewise keys recover` on its machine.',
      },
    ]
  try {
    await createClient({ url, key, timeoutMs, retries: 0 }).streams.list({ limit: 1 })
    findings.push({ level: 'ok', what: 'The key is accepted' })
  } catch (error) {
    const narrow = error instanceof EdgewiseError && error.status === 403
    if (narrow) findings.push({ level: 'ok', what: 'The key is accepted (it may not list streams)' })
    else
      findings.push({
        level: 'broken',
        what: `The key is not accepted: ${(error as Error).message}`,
        mend: 'Give another, or run `edgewise keys recover` on the machine of the gateway.',
      })
  }
  return findings
}
