import { create, type JsonObject } from '@bufbuild/protobuf'
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt'
import { Failure } from '#mesh/errors.ts'
import type { Service } from '#mesh/rpc/call.ts'
import {
  AuditEntry_Outcome,
  type AuditService,
  ListAuditResponseSchema,
  ReportRefusalsResponseSchema,
} from '#proto/edgewise/audit/v1/audit_pb.ts'
import { contextOf } from '../context.ts'
import { type AuditPage, listAudit } from './list-audit.ts'
import { reportRefusals } from './report-refusals.ts'

type Deps = Parameters<typeof listAudit>[0] & Parameters<typeof reportRefusals>[0]

const outcomes = { done: AuditEntry_Outcome.DONE, refused: AuditEntry_Outcome.REFUSED } as const

export function auditService(deps: Deps): Service<typeof AuditService> {
  return {
    async listAudit(request, call) {
      const { from, to, outcome } = request
      const page = await listAudit(deps, contextOf(call), {
        ...request,
        outcome: outcomeOf(outcome),
        from: from && timestampDate(from),
        to: to && timestampDate(to),
      })
      const { workspace, head, anchor, nextCursor } = page
      return create(ListAuditResponseSchema, {
        workspace,
        entries: page.rows.map(entryMessage),
        nextCursor,
        head: { seq: BigInt(head.seq), hash: head.hash },
        anchor: { seq: BigInt(anchor.seq), hash: anchor.hash },
      })
    },
    async reportRefusals(request, call) {
      reportRefusals(deps, contextOf(call), request.refusals)
      return create(ReportRefusalsResponseSchema)
    },
  }
}

function outcomeOf(outcome: AuditEntry_Outcome): '' | keyof typeof outcomes {
  if (outcome === AuditEntry_Outcome.UNSPECIFIED) return ''
  if (outcome === AuditEntry_Outcome.DONE) return 'done'
  if (outcome === AuditEntry_Outcome.REFUSED) return 'refused'
  throw new Failure('request.invalid', 'There is no such outcome.', {
    errors: [{ pointer: 'outcome', reason: 'must be done or refused' }],
  })
}

function entryMessage({ seq, at, outcome, detail, ...row }: AuditPage['rows'][number]) {
  const { actor, action, resource, code, requestId, hash } = row
  return {
    seq: BigInt(seq),
    at: timestampFromDate(at),
    actor,
    action,
    resource,
    outcome: outcomes[outcome],
    code,
    detail: JSON.parse(detail) as JsonObject,
    requestId,
    hash,
  }
}
