import { Failure } from '#mesh/errors.ts'
import type { Service } from '#mesh/rpc/call.ts'
import type { IngestService } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import type { QueryService } from '#proto/edgewise/query/v1/query_pb.ts'

export interface Services {
  readonly query: Service<typeof QueryService>
  readonly ingest: Service<typeof IngestService>
}

/** Services of which a test gives the methods that it calls; the others are not offered. */
export function services(given: {
  readonly query?: Partial<Service<typeof QueryService>>
  readonly ingest?: Partial<Service<typeof IngestService>>
}): Services {
  const unary = async (): Promise<never> => {
    throw new Failure('internal.unimplemented', 'Not in this test.')
  }
  async function* stream(): AsyncGenerator<never> {
    yield await unary()
  }
  return {
    query: {
      runSql: stream,
      callQuery: stream,
      describeQuery: unary,
      putQuery: unary,
      listQueries: unary,
      listQueryVersions: unary,
      deleteQuery: unary,
      ...given.query,
    },
    ingest: {
      writeEvents: unary,
      writeUsage: unary,
      readUsage: unary,
      putStream: unary,
      getStream: unary,
      listStreams: unary,
      deleteStream: unary,
      truncateStream: unary,
      replayStream: unary,
      deleteRows: unary,
      listQuarantine: unary,
      replayQuarantine: unary,
      discardQuarantine: unary,
      ...given.ingest,
    },
  }
}
