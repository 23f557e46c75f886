import { create } from '@bufbuild/protobuf'
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt'
import { Failure } from '#mesh/errors.ts'
import type { Service } from '#mesh/rpc/call.ts'
import {
  CreateKeyResponseSchema,
  CreateWorkspaceResponseSchema,
  type IdentityService,
  KeySchema,
  ListKeysResponseSchema,
  ListWorkspacesResponseSchema,
  VerifyKeyResponseSchema,
  WorkspaceSchema,
} from '#proto/edgewise/identity/v1/identity_pb.ts'
import { contextOf } from '../context.ts'
import { createKey } from './create-key.ts'
import { createWorkspace, recoverKey } from './create-workspace.ts'
import type { Deps } from './deps.ts'
import { getKey } from './get-key.ts'
import { listKeys } from './list-keys.ts'
import { listWorkspaces } from './list-workspaces.ts'
import { rerollKey } from './reroll-key.ts'
import { planMessage, planOf } from './plan.ts'
import { revokeKey } from './revoke-key.ts'
import { updateWorkspace } from './update-workspace.ts'
import { verifyCredential, verifyKey } from './verify-key.ts'

export function identityService(deps: Deps): Service<typeof IdentityService> {
  return {
    async verifyKey(request, call) {
      if (!contextOf(call).actor.scopes.includes('internal:edge')) {
        throw new Failure('auth.scope', 'Only edges may ask who a credential is.')
      }
      return create(VerifyKeyResponseSchema, {
        actor: await (request.imported ? verifyKey(deps, request.key, true) : verifyCredential(deps, request.key)),
      })
    },
    async createKey(request, call) {
      const made = await createKey(deps, contextOf(call), {
        name: request.name,
        scopes: request.scopes,
        plan: request.plan && planOf(request.plan),
        params: request.params,
        filters: request.filters.map(({ stream, column, values }) => ({ stream, column, values })),
        expiresAt: request.expiresAt && timestampDate(request.expiresAt),
        subject: request.subject,
        meta: request.meta,
        addresses: request.addresses,
        origins: request.origins,
        hash: request.hash,
      })
      return create(CreateKeyResponseSchema, { key: keyMessage(made.row), text: made.text })
    },
    async listKeys(request, call) {
      const page = await listKeys(deps, contextOf(call), request)
      return create(ListKeysResponseSchema, { keys: page.rows.map(keyMessage), nextCursor: page.nextCursor })
    },
    async getKey(request, call) {
      return keyMessage(await getKey(deps, contextOf(call), request.id))
    },
    async rerollKey(request, call) {
      const made = await rerollKey(deps, contextOf(call), request)
      return create(CreateKeyResponseSchema, { key: keyMessage(made.row), text: made.text })
    },
    async revokeKey(request, call) {
      return keyMessage(await revokeKey(deps, contextOf(call), request.id))
    },
    async recoverKey(_, call) {
      const made = await recoverKey(deps, contextOf(call))
      return create(CreateKeyResponseSchema, { key: keyMessage(made.row), text: made.text })
    },
    async createWorkspace(request, call) {
      const made = await createWorkspace(deps, contextOf(call), request.name)
      return create(CreateWorkspaceResponseSchema, {
        workspace: workspaceMessage(made.workspace),
        key: { key: keyMessage(made.key.row), text: made.key.text },
      })
    },
    async listWorkspaces(request, call) {
      const page = await listWorkspaces(deps, contextOf(call), request)
      return create(ListWorkspacesResponseSchema, {
        workspaces: page.rows.map(workspaceMessage),
        nextCursor: page.nextCursor,
      })
    },
    async updateWorkspace(request, call) {
      return workspaceMessage(await updateWorkspace(deps, contextOf(call), request))
    },
  }
}

type KeyRow = Awaited<ReturnType<typeof getKey>>
type WorkspaceRow = Awaited<ReturnType<typeof updateWorkspace>>

function keyMessage(row: KeyRow) {
  return create(KeySchema, {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes,
    plan: planMessage(row.plan),
    params: row.params,
    filters: row.filters,
    createdAt: timestampFromDate(row.createdAt),
    ...(row.expiresAt === null ? {} : { expiresAt: timestampFromDate(row.expiresAt) }),
    ...(row.revokedAt === null ? {} : { revokedAt: timestampFromDate(row.revokedAt) }),
    subject: row.subject,
    meta: Object.keys(row.meta).length === 0 ? '' : JSON.stringify(row.meta),
    addresses: row.addresses,
    origins: row.origins,
    ...(row.usedAt === null ? {} : { usedAt: timestampFromDate(row.usedAt) }),
    replacedBy: row.replacedBy ?? '',
  })
}

function workspaceMessage(row: WorkspaceRow) {
  return create(WorkspaceSchema, {
    name: row.name,
    createdAt: timestampFromDate(row.createdAt),
    corsOrigins: row.corsOrigins,
  })
}
