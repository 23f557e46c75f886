import { create } from '@bufbuild/protobuf'
import { type Timestamp, timestampDate, timestampFromDate, timestampMs } from '@bufbuild/protobuf/wkt'
import { Failure } from '#mesh/errors.ts'
import type { Service } from '#mesh/rpc/call.ts'
import {
  DeleteRowsResponseSchema,
  DeleteStreamResponseSchema,
  DiscardQuarantineResponseSchema,
  type IngestService,
  ListQuarantineResponseSchema,
  ListStreamsResponseSchema,
  type PartitionOffset,
  ReadUsageResponseSchema,
  ReplayQuarantineResponseSchema,
  ReplayStreamResponseSchema,
  TruncateStreamResponseSchema,
  WriteEventsResponseSchema,
  WriteUsageResponseSchema,
} from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import type { Quota } from '../budgets.ts'
import { contextOf } from '../context.ts'
import { deleteRows } from './delete-rows.ts'
import { deleteStream } from './delete-stream.ts'
import type { Deps } from './deps.ts'
import { discardQuarantine } from './discard-quarantine.ts'
import { getStream } from './get-stream.ts'
import { listQuarantine } from './list-quarantine.ts'
import { listStreams } from './list-streams.ts'
import { declarationOf, schemaMessage, streamMessage } from './message.ts'
import { readUsage } from './read-usage.ts'
import { putStream } from './put-stream.ts'
import { replayQuarantine } from './replay-quarantine.ts'
import { replayStream } from './replay-stream.ts'
import { truncateStream } from './truncate-stream.ts'
import { writeEvents } from './write-events.ts'
import { writeUsage } from './write-usage.ts'

export function ingestService(deps: Deps): Service<typeof IngestService> {
  return {
    async writeEvents(request, call) {
      const ctx = contextOf(call)
      const { inferred, offsets, changed: _, ...written } = await writeEvents(deps, ctx, request)
      const quotas = (await deps.budgets.quotas(ctx.actor)).filter(({ unit }) => unit === 'events')
      return create(WriteEventsResponseSchema, {
        ...written,
        errors: [...written.errors],
        quotas: quotas.map(quotaShape),
        offsets: offsets.map(({ partition, offset }) => ({ partition, offset: BigInt(offset) })),
        ...(inferred === undefined ? {} : { inferred: schemaMessage(inferred) }),
      })
    },
    async writeUsage(request, call) {
      await writeUsage(deps, contextOf(call), request.events)
      return create(WriteUsageResponseSchema)
    },
    async readUsage(request, call) {
      const { usage, quotas } = await readUsage(deps, contextOf(call), {
        from: request.from && timestampDate(request.from),
        to: request.to && timestampDate(request.to),
        by: request.by,
      })
      return create(ReadUsageResponseSchema, {
        usage: usage.map((sum) => ({
          key: sum.key,
          requests: BigInt(sum.requests),
          failed: BigInt(sum.failed),
          cached: BigInt(sum.cached),
          cost: BigInt(sum.cost),
          requestBytes: BigInt(sum.request_bytes),
          responseBytes: BigInt(sum.response_bytes),
          rowsRead: BigInt(sum.rows_read),
          bytesRead: BigInt(sum.bytes_read),
          events: BigInt(sum.events),
        })),
        quotas: quotas.map(quotaShape),
      })
    },
    async putStream(request, call) {
      return streamMessage(
        await putStream(deps, contextOf(call), {
          name: request.name,
          schema: declarationOf(request.schema),
          ifVersion: request.ifVersion,
          dryRun: request.dryRun,
        }),
      )
    },
    async getStream(request, call) {
      const stream = await getStream(deps, contextOf(call), request.name)
      return streamMessage(stream, stream.statistics)
    },
    async listStreams(request, call) {
      const page = await listStreams(deps, contextOf(call), request)
      return create(ListStreamsResponseSchema, {
        streams: page.streams.map((stream) => streamMessage(stream)),
        nextCursor: page.nextCursor,
      })
    },
    async deleteStream(request, call) {
      await deleteStream(deps, contextOf(call), request.name)
      return create(DeleteStreamResponseSchema)
    },
    async truncateStream(request, call) {
      await truncateStream(deps, contextOf(call), request.name)
      return create(TruncateStreamResponseSchema)
    },
    async replayStream({ name, time, offsets }, call) {
      const { partitions, queryable } = await replayStream(deps, contextOf(call), { name, from: fromOf(time, offsets) })
      return create(ReplayStreamResponseSchema, {
        partitions: partitions.map(({ partition, from, to }) => ({ partition, from: BigInt(from), to: BigInt(to) })),
        queryable,
      })
    },
    async deleteRows({ name, where, params, dryRun }, call) {
      const given = Object.fromEntries(Object.entries(params).map(([key, { values }]) => [key, values]))
      const deleted = await deleteRows(deps, contextOf(call), { name, where, params: given, dryRun })
      return create(DeleteRowsResponseSchema, { deleted: BigInt(deleted) })
    },
    async listQuarantine(request, call) {
      const page = await listQuarantine(deps, contextOf(call), request)
      return create(ListQuarantineResponseSchema, {
        rows: page.rows.map(({ id, time, column, reason, text }) => ({
          id,
          time: timestampFromDate(new Date(time)),
          column,
          reason,
          text,
        })),
        nextCursor: page.nextCursor,
      })
    },
    async replayQuarantine(request, call) {
      const { accepted, errors } = await replayQuarantine(deps, contextOf(call), request)
      return create(ReplayQuarantineResponseSchema, { accepted, errors: [...errors] })
    },
    async discardQuarantine(request, call) {
      const discarded = await discardQuarantine(deps, contextOf(call), request)
      return create(DiscardQuarantineResponseSchema, { discarded })
    },
  }
}

function fromOf(time: Timestamp | undefined, offsets: readonly PartitionOffset[]) {
  if (time !== undefined && offsets.length > 0) {
    const errors = [{ pointer: '/offsets', reason: 'cannot be given with a time' }]
    throw new Failure('request.invalid', 'From a time or from offsets, not both.', { errors })
  }
  if (time !== undefined) return { timestamp: timestampMs(time) }
  if (offsets.length === 0) return undefined
  return { offsets: offsets.map(({ partition, offset }) => ({ partition, offset: Number(offset) })) }
}

function quotaShape({ unit, limit, windowMs, left, resetMs }: Quota) {
  return {
    name: unit,
    limit: BigInt(limit),
    windowSeconds: windowMs / 1000,
    remaining: BigInt(left),
    resetMs,
  }
}
