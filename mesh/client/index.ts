import { ingestWith } from './ingest.ts'
import { modelsWith } from './models.ts'
import { callWith, queryWith } from './query.ts'
import { resourcesWith } from './resources.ts'
import { type Ask, type ClientOptions, createTransport } from './transport.ts'

export { EdgewiseError, type Problem, type ProblemPlace } from './error.ts'
export type { Ingested, IngestOptions, Row, Rows } from './ingest.ts'
export type { Forecast, ForecastOptions, Job, Prediction, Predictions, PredictOptions } from './models.ts'
export type { CallQueryOptions, Opened, Param, Params, QueryOptions } from './query.ts'
export type {
  AuditEntry,
  AuditFilter,
  Key,
  KeyDefinition,
  Page,
  PublishedQuery,
  QuarantinedRow,
  QueryDefinition,
  QueryParameter,
  Stream,
  StreamDefinition,
  Workspace,
} from './resources.ts'
export type { Format, Provenance, Result } from './result.ts'
export type { Ask, CallOptions, ClientOptions } from './transport.ts'

export type Client = ReturnType<typeof createClient>

/**
 * A client of an Edgewise gateway. It needs `fetch` and nothing else, so it runs in browsers, Workers and Node. Calls that
 * may be repeated are, with jitter and as `Retry-After` says; whatever fails, fails as an EdgewiseError.
 */
export function createClient(options: ClientOptions) {
  const transport = createTransport(options)
  return {
    ingest: ingestWith(transport),
    /** SQL of one's own. */
    query: queryWith(transport),
    /** A published query. */
    call: callWith(transport),
    ...modelsWith(transport),
    ...resourcesWith(transport),
    /** Anything else that the API has: the answer, once its headers are here. */
    request: (ask: Ask) => transport.open(ask),
  }
}
