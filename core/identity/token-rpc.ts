import { create } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import { Failure } from '#mesh/errors.ts'
import type { Call, Service } from '#mesh/rpc/call.ts'
import {
  DeleteIssuerResponseSchema,
  Grant as GrantMessage,
  IssuerSchema,
  IssueTokenResponseSchema,
  ListIssuersResponseSchema,
  RefreshIssuerResponseSchema,
  type TokenService,
} from '#proto/edgewise/identity/v1/token_pb.ts'
import { addressOf, contextOf } from '../context.ts'
import type { Deps } from './deps.ts'
import { deleteIssuer, getIssuer, listIssuers, refreshIssuer } from './issuers.ts'
import { type Grant, issueToken } from './issue-token.ts'
import { putIssuer } from './put-issuer.ts'

const grants: Readonly<Record<GrantMessage, Grant | undefined>> = {
  [GrantMessage.UNSPECIFIED]: undefined,
  [GrantMessage.CLIENT_CREDENTIALS]: 'client_credentials',
  [GrantMessage.REFRESH_TOKEN]: 'refresh_token',
  [GrantMessage.TOKEN_EXCHANGE]: 'token_exchange',
}

export function tokenService(deps: Deps): Service<typeof TokenService> {
  return {
    async issueToken(request, call) {
      const grant = grants[request.grant]
      if (grant === undefined) throw new Failure('request.invalid', 'The grant is not one of those that there are.')
      const { credential, scopes, params, filters, offline, ttlSeconds } = request
      const asked = { grant, credential, scopes, params, filters, offline, ttlSeconds }
      const tokens = await issueToken(deps, { ...asked, requestId: call.requestId, address: addressOf(call) })
      return create(IssueTokenResponseSchema, { ...tokens, scopes: [...tokens.scopes] })
    },
    async getTrust(_, call) {
      onlyEdges(call)
      return deps.trust.current()
    },
    async refreshIssuer(request, call) {
      onlyEdges(call)
      return create(RefreshIssuerResponseSchema, { changed: await refreshIssuer(deps, request.issuer) })
    },
    async putIssuer(request, call) {
      return issuerMessage(await putIssuer(deps, contextOf(call), request))
    },
    async getIssuer(request, call) {
      return issuerMessage(await getIssuer(deps, contextOf(call), request.name))
    },
    async listIssuers(request, call) {
      const { rows, nextCursor } = await listIssuers(deps, contextOf(call), request)
      return create(ListIssuersResponseSchema, { issuers: rows.map(issuerMessage), nextCursor })
    },
    async deleteIssuer(request, call) {
      await deleteIssuer(deps, contextOf(call), request.name)
      return create(DeleteIssuerResponseSchema)
    },
  }
}

function onlyEdges(call: Call): void {
  if (contextOf(call).actor.scopes.includes('internal:edge')) return
  throw new Failure('auth.scope', 'Only edges may ask for this.')
}

function issuerMessage(row: Awaited<ReturnType<typeof getIssuer>>) {
  const { name, issuer, audiences, algorithms, clockSkewSeconds, rules, clientId, keysError } = row
  return create(IssuerSchema, {
    name,
    issuer,
    audiences,
    algorithms,
    clockSkewSeconds,
    rules,
    clientId,
    hasClientSecret: row.sealedSecret !== null,
    keysFetchedAt: timestampFromDate(row.keysFetchedAt),
    keysError,
  })
}
