import { create } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import type { Service } from '#mesh/rpc/call.ts'
import {
  DeleteQueryResponseSchema,
  ListQueriesResponseSchema,
  PutQueryResponseSchema,
  QuerySchema,
  type ListQueriesResponse,
  type PutQueryRequest,
  type Query,
  type QueryService,
  type ResultChunk,
  ResultChunkSchema,
} from '#proto/edgewise/query/v1/query_pb.ts'
import { contextOf } from '../context.ts'
import { callQuery, type CallQueryDeps } from './call-query.ts'
import { deleteQuery } from './delete-query.ts'
import { describeQuery } from './describe-query.ts'
import type { Piece } from './execute.ts'
import { listQueries, listQueryVersions, type Page } from './list-queries.ts'
import { putQuery, type PutQueryDeps, type PutQueryInput } from './put-query.ts'
import { runSql, type RunSqlDeps } from './run-sql.ts'

type StoredQuery = Page['queries'][number]
type Summary = Extract<Piece, { kind: 'tail' }>['summary']

export function queryService(deps: CallQueryDeps & PutQueryDeps & RunSqlDeps): Service<typeof QueryService> {
  return {
    async *runSql(request, call) {
      for await (const piece of runSql(deps, contextOf(call), request)) yield chunkOf(piece)
    },
    async *callQuery(request, call) {
      for await (const piece of callQuery(deps, contextOf(call), request)) yield chunkOf(piece)
    },
    async describeQuery(request, call) {
      return messageOf(await describeQuery(deps, contextOf(call), request))
    },
    async putQuery(request, call) {
      const { query, changed } = await putQuery(deps, contextOf(call), inputOf(request))
      return create(PutQueryResponseSchema, { query: messageOf(query), changed })
    },
    async listQueries(request, call) {
      return pageOf(await listQueries(deps, contextOf(call), request))
    },
    async listQueryVersions(request, call) {
      return pageOf(await listQueryVersions(deps, contextOf(call), request))
    },
    async deleteQuery(request, call) {
      await deleteQuery(deps, contextOf(call), request)
      return create(DeleteQueryResponseSchema)
    },
  }
}

function chunkOf(piece: Piece): ResultChunk {
  if (piece.kind === 'tail') return tailOf(piece.summary)
  if (piece.kind === 'body') return create(ResultChunkSchema, { piece: { case: 'body', value: piece.bytes } })
  const { contentType, format, version: queryVersion, accepted = false, model = '' } = piece
  const quotas = piece.quotas.map(({ unit, limit, windowMs, left, resetMs }) => ({
    name: unit,
    limit: BigInt(limit),
    windowSeconds: windowMs / 1000,
    remaining: BigInt(left),
    resetMs,
  }))
  return create(ResultChunkSchema, {
    piece: { case: 'head', value: { contentType, queryVersion, quotas, accepted, model, format } },
  })
}

function tailOf({ resultRows, rowsRead, bytesRead, elapsedUs }: Summary): ResultChunk {
  const value = {
    rows: BigInt(resultRows),
    ...(rowsRead !== undefined && { rowsRead: BigInt(rowsRead) }),
    ...(bytesRead !== undefined && { bytesRead: BigInt(bytesRead) }),
    elapsedUs: BigInt(elapsedUs),
  }
  return create(ResultChunkSchema, { piece: { case: 'tail', value } })
}

function inputOf(request: PutQueryRequest): PutQueryInput {
  const { name, sql, description, ifVersion, dryRun, cache, limit } = request
  return {
    name,
    sql,
    description,
    ifVersion,
    dryRun,
    cache: {
      ttlSeconds: cache?.ttlSeconds ?? 0,
      staleWhileRevalidateSeconds: cache?.staleWhileRevalidateSeconds ?? 0,
      staleIfErrorSeconds: cache?.staleIfErrorSeconds ?? 0,
    },
    limit: {
      requests: limit?.requests ?? 0,
      windowSeconds: limit?.windowSeconds ?? 0,
      cost: limit?.cost ?? 0,
    },
    parameters: request.parameters.map((parameter) => ({
      name: parameter.name,
      type: parameter.type,
      default: parameter.defaultValue,
      required: parameter.required,
      enum: parameter.enumValues,
      description: parameter.description,
    })),
  }
}

function messageOf({ name, version, definition, columns, createdAt, live }: StoredQuery): Query {
  const { sql, cache, limit, description } = definition
  return create(QuerySchema, {
    name,
    version,
    sql,
    parameters: definition.parameters.map((rule) => ({
      name: rule.name,
      type: rule.type,
      ...(rule.default === undefined ? {} : { defaultValue: rule.default }),
      required: rule.required,
      enumValues: [...rule.enum],
      description: rule.description,
    })),
    cache,
    limit,
    description,
    columns: columns.map((column) => ({ name: column.name, type: column.type })),
    createdAt: timestampFromMs(createdAt.getTime()),
    live,
  })
}

function pageOf({ queries, nextCursor }: Page): ListQueriesResponse {
  return create(ListQueriesResponseSchema, { queries: queries.map(messageOf), nextCursor })
}
