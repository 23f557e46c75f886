import { create } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import { Failure } from '#mesh/errors.ts'
import type { Call, Service } from '#mesh/rpc/call.ts'
import { builtInRoles } from '#mesh/scopes.ts'
import {
  BeginSignInResponseSchema,
  ChangePasswordResponseSchema,
  DeleteRoleResponseSchema,
  DeleteUserResponseSchema,
  EndSessionResponseSchema,
  EnrolTotpResponseSchema,
  FinishSignInResponseSchema,
  InviteUserResponseSchema,
  ListRolesResponseSchema,
  ListSessionsResponseSchema,
  ListUsersResponseSchema,
  RoleSchema,
  SessionSchema,
  SignInResponseSchema,
  type UserService,
  UserSchema,
} from '#proto/edgewise/identity/v1/user_pb.ts'
import { addressOf, contextOf } from '../context.ts'
import type { Deps } from './deps.ts'
import { attemptSeconds, beginSignIn } from './begin-sign-in.ts'
import { finishSignIn } from './finish-sign-in.ts'
import { changePassword, confirmTotp, enrolTotp, removeTotp } from './own-account.ts'
import { deleteRole, listRoles, putRole } from './roles.ts'
import { endSession, listSessions } from './sessions.ts'
import { signIn } from './sign-in.ts'
import { acceptInvitation, deleteUser, getUser, inviteUser, listUsers, updateUser } from './users.ts'

export function userService(deps: Deps): Service<typeof UserService> {
  return {
    async inviteUser(request, call) {
      const { user, invitation } = await inviteUser(deps, contextOf(call), request)
      return create(InviteUserResponseSchema, { user: userMessage(user), invitation })
    },
    async acceptInvitation({ invitation, password, name }, call) {
      return userMessage(
        await acceptInvitation(deps, {
          invitation,
          password,
          name,
          requestId: call.requestId,
          address: addressOf(call),
        }),
      )
    },
    async listUsers(request, call) {
      const { rows, nextCursor } = await listUsers(deps, contextOf(call), request)
      return create(ListUsersResponseSchema, { users: rows.map(userMessage), nextCursor })
    },
    async getUser(request, call) {
      return userMessage(await getUser(deps, contextOf(call), request.id))
    },
    async updateUser(request, call) {
      return userMessage(await updateUser(deps, contextOf(call), request))
    },
    async deleteUser(request, call) {
      await deleteUser(deps, contextOf(call), request.id)
      return create(DeleteUserResponseSchema)
    },
    async changePassword(request, call) {
      await changePassword(deps, contextOf(call), request)
      return create(ChangePasswordResponseSchema)
    },
    async enrolTotp(_, call) {
      return create(EnrolTotpResponseSchema, await enrolTotp(deps, contextOf(call)))
    },
    async confirmTotp(request, call) {
      return userMessage(await confirmTotp(deps, contextOf(call), request.code))
    },
    async removeTotp(request, call) {
      return userMessage(await removeTotp(deps, contextOf(call), request.code))
    },
    async putRole(request, call) {
      return roleMessage(await putRole(deps, contextOf(call), request))
    },
    async listRoles(_, call) {
      const defined = await listRoles(deps, contextOf(call))
      const given = Object.entries(builtInRoles).map(([name, scopes]) =>
        create(RoleSchema, { name, scopes: [...scopes], builtIn: true }),
      )
      return create(ListRolesResponseSchema, { roles: [...given, ...defined.map(roleMessage)] })
    },
    async deleteRole(request, call) {
      await deleteRole(deps, contextOf(call), request.name)
      return create(DeleteRoleResponseSchema)
    },
    async signIn(request, call) {
      refuseUnlessEdge(call)
      const { credential, device, session, user } = await signIn(deps, { ...request, requestId: call.requestId })
      return create(SignInResponseSchema, {
        credential,
        device,
        expiresAt: timestampFromDate(session.expiresAt),
        user: userMessage(user),
      })
    },
    async beginSignIn(request, call) {
      refuseUnlessEdge(call)
      return create(BeginSignInResponseSchema, { ...(await beginSignIn(deps, request)), expiresIn: attemptSeconds })
    },
    async finishSignIn(request, call) {
      refuseUnlessEdge(call)
      const { credential, session, user, returnTo } = await finishSignIn(deps, {
        ...request,
        requestId: call.requestId,
      })
      return create(FinishSignInResponseSchema, {
        credential,
        expiresAt: timestampFromDate(session.expiresAt),
        returnTo,
        user: userMessage(user),
      })
    },
    async listSessions(request, call) {
      const ctx = contextOf(call)
      const { rows, nextCursor } = await listSessions(deps, ctx, request)
      const sessions = rows.map((row) =>
        create(SessionSchema, {
          id: row.id,
          actor: row.actor,
          browser: row.kind === 'browser',
          createdAt: timestampFromDate(row.createdAt),
          expiresAt: timestampFromDate(row.expiresAt),
          address: row.address,
          agent: row.agent,
          current: row.id === ctx.actor.session,
        }),
      )
      return create(ListSessionsResponseSchema, { sessions, nextCursor })
    },
    async endSession(request, call) {
      await endSession(deps, contextOf(call), request.id)
      return create(EndSessionResponseSchema)
    },
  }
}

function refuseUnlessEdge(call: Call): void {
  if (contextOf(call).actor.scopes.includes('internal:edge')) return
  throw new Failure('auth.scope', 'Only edges may sign somebody in.')
}

function userMessage(row: Awaited<ReturnType<typeof getUser>>) {
  return create(UserSchema, {
    id: row.id,
    email: row.email,
    name: row.name,
    roles: row.roles,
    pending: row.inviteHash !== null,
    disabled: row.disabledAt !== null,
    totp: row.totpConfirmed,
    createdAt: timestampFromDate(row.createdAt),
    ...(row.signedInAt !== null && { signedInAt: timestampFromDate(row.signedInAt) }),
  })
}

function roleMessage({ name, scopes, description }: Awaited<ReturnType<typeof putRole>>) {
  return create(RoleSchema, { name, scopes, description })
}
