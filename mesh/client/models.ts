import type { Row } from './ingest.ts'
import type { CallOptions, Transport } from './transport.ts'

export interface Job {
  readonly id: string
  readonly model: string
  readonly version: number
  readonly status: 'queued' | 'running' | 'done' | 'failed' | 'cancelled'
  readonly phase: string
  readonly percent: number
  readonly error?: { readonly code: string; readonly detail: string }
  readonly created_at?: string
  readonly started_at?: string
  readonly ended_at?: string
}

export interface Prediction {
  readonly prediction: string | number | boolean
  /** Of a class. */
  readonly probability?: number
  readonly probabilities?: Readonly<Record<string, number>>
  /** Of a segment. */
  readonly distance?: number
  /** Where it was asked for: what each column added to the score. */
  readonly explanation?: {
    readonly of?: string
    readonly base: number
    readonly contributions: Readonly<Record<string, number>>
  }
}

/** Of a series: its steps, each with the interval of 80 %. */
export interface Forecast {
  readonly forecast: readonly {
    readonly time: string
    readonly prediction: number
    readonly lower: number
    readonly upper: number
  }[]
}

export interface Predictions<T = Prediction> {
  readonly model: string
  readonly version: number
  /** One for each row, in their order. */
  readonly predictions: readonly T[]
  /** What was odd about the rows: features left out, labels never seen, numbers out of what was seen. */
  readonly warnings?: readonly {
    readonly code: string
    readonly feature: string
    readonly rows: number
    readonly pointer: string
  }[]
  readonly provenance: {
    readonly requestId: string | null
    /** `churn@3; placement=edge; sha256=…` */
    readonly model: string | null
    readonly fallback: string | null
  }
}

export interface PredictOptions extends CallOptions {
  /** Pins a version of the model. */
  readonly version?: number | undefined
  /** Say what each column added; up to 100 rows. */
  readonly explain?: boolean | undefined
  /** Whom it is for: while a version is rolled out, the same one gets the same version. */
  readonly subject?: string | undefined
}

export interface ForecastOptions extends Pick<PredictOptions, 'version' | 'subject'>, CallOptions {
  /** Steps; all that the model was trained for if absent. */
  readonly horizon?: number | undefined
}

export function modelsWith(transport: Transport) {
  async function ask<T>(
    model: string,
    search: Pick<PredictOptions, 'version' | 'explain' | 'subject'>,
    body: object,
    call: CallOptions,
  ): Promise<Predictions<T>> {
    const { value, response } = await transport.json<Omit<Predictions<T>, 'provenance'>>({
      method: 'POST',
      path: `/v1/models/${encodeURIComponent(model)}/predict`,
      search,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      // It changes nothing.
      repeatable: true,
      ...call,
    })
    const { headers } = response
    return {
      ...value,
      provenance: {
        requestId: headers.get('x-request-id'),
        model: headers.get('edgewise-model'),
        fallback: headers.get('edgewise-fallback'),
      },
    }
  }
  const job = async (method: 'GET' | 'DELETE', id: string, options: CallOptions): Promise<Job> =>
    (await transport.json<Job>({ method, path: `/v1/jobs/${encodeURIComponent(id)}`, ...options })).value
  return {
    /** Predicts for one row, or for up to 1,000. */
    async predict(model: string, rows: Row | readonly Row[], options: PredictOptions = {}): Promise<Predictions> {
      const { version, explain, subject, ...call } = options
      return ask(model, { version, explain, subject }, { rows: [rows].flat() }, call)
    },
    /** The steps ahead of a series, or of up to 1,000: each row has the columns that tell them apart. */
    async forecast(
      model: string,
      rows: Row | readonly Row[] = {},
      options: ForecastOptions = {},
    ): Promise<Predictions<Forecast>> {
      const { version, subject, horizon, ...call } = options
      return ask(model, { version, subject }, { rows: [rows].flat(), horizon }, call)
    },
    jobs: {
      get: (id: string, options: CallOptions = {}) => job('GET', id, options),
      cancel: (id: string, options: CallOptions = {}) => job('DELETE', id, options),
    },
  }
}
