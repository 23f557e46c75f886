/** One place of a request that is wrong. */
export interface ProblemPlace {
  readonly pointer?: string
  readonly line?: number
  readonly column?: number
  readonly reason: string
}

export interface Problem {
  /** Stable: `query.unknown_column`. Of the client itself: `client.unreachable`, `client.timeout`, `client.answer`. */
  readonly code: string
  readonly title: string
  readonly detail: string
  /** HTTP status; 0 where no answer came. */
  readonly status: number
  readonly hint?: string
  readonly type?: string
  readonly retryable?: boolean
  readonly requestId?: string
  readonly retryAfterMs?: number
  readonly errors?: readonly ProblemPlace[]
}

/** The one way in which a call fails, with the fields of the gateway's problem+json (RFC 9457). */
export class EdgewiseError extends Error {
  override readonly name = 'EdgewiseError'
  readonly code: string
  readonly title: string
  readonly status: number
  readonly hint: string | undefined
  readonly type: string | undefined
  readonly retryable: boolean
  readonly requestId: string | undefined
  readonly retryAfterMs: number | undefined
  readonly errors: readonly ProblemPlace[]

  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.detail, options)
    this.code = problem.code
    this.title = problem.title
    this.status = problem.status
    this.hint = problem.hint
    this.type = problem.type
    this.retryable = problem.retryable ?? false
    this.requestId = problem.requestId
    this.retryAfterMs = problem.retryAfterMs
    this.errors = problem.errors ?? []
  }
}

/** What a refusal says. Whatever stands between may answer in its own words: then the status has to do. */
export async function refusalOf(response: Response, now: number): Promise<EdgewiseError> {
  const said = await readProblem(response)
  const requestId = said.request_id ?? response.headers.get('x-request-id') ?? undefined
  const retryAfterMs = retryAfter(response.headers.get('retry-after'), now)
  return new EdgewiseError({
    code: said.code ?? `http.${response.status}`,
    title: said.title ?? (response.statusText || `HTTP ${response.status}`),
    detail: said.detail ?? `The gateway answered ${response.status}.`,
    status: response.status,
    retryable: said.retryable ?? [429, 502, 503, 504].includes(response.status),
    ...(said.hint !== undefined && { hint: said.hint }),
    ...(said.type !== undefined && { type: said.type }),
    ...(said.errors !== undefined && { errors: said.errors }),
    ...(requestId !== undefined && { requestId }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  })
}

interface ProblemJson extends Partial<Omit<Problem, 'requestId' | 'status'>> {
  readonly request_id?: string
}

async function readProblem(response: Response): Promise<ProblemJson> {
  const text = await response.text().catch(() => '')
  if (!(response.headers.get('content-type') ?? '').includes('json')) return {}
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

/** Retry-After (RFC 9110 §10.2.3): seconds, or a date. */
function retryAfter(value: string | null, now: number): number | undefined {
  if (value === null) return undefined
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1000
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}
