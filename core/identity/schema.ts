import { sql } from 'drizzle-orm'
import type { JsonObject } from '@bufbuild/protobuf'
import { boolean, index, integer, jsonb, pgTable, primaryKey, text, timestamp, uniqueIndex } from 'drizzle-orm/pg-core'
import type { Plan } from './plan.ts'

/** Tenants. */
export const workspaces = pgTable('identity_workspaces', {
  name: text('name').primaryKey(),
  corsOrigins: text('cors_origins')
    .array()
    .notNull()
    .default(sql`'{}'`),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
})

/** API keys, without their text: only its SHA-256 is here. Revoked ones stay, so that their id still says whose it was. */
export const keys = pgTable(
  'identity_keys',
  {
    /** `key_…`; sorts by the time it was made. */
    id: text('id').primaryKey(),
    workspace: text('workspace')
      .notNull()
      .references(() => workspaces.name),
    name: text('name').notNull(),
    prefix: text('prefix').notNull(),
    hash: text('hash').notNull().unique(),
    scopes: text('scopes').array().notNull(),
    plan: jsonb('plan').$type<Plan>().notNull(),
    /** Keys of one subject share their limits; empty for a key on its own. */
    subject: text('subject').notNull().default(''),
    /** What whoever made it wants to know of it again. */
    meta: jsonb('meta').$type<JsonObject>().notNull().default({}),
    /** Networks (CIDR) and origins that it may be used from; none means any. */
    addresses: text('addresses')
      .array()
      .notNull()
      .default(sql`'{}'`),
    origins: text('origins')
      .array()
      .notNull()
      .default(sql`'{}'`),
    /** To the minute. */
    usedAt: timestamp('used_at', { withTimezone: true }),
    /** The key that takes its place; this one ends at `expiresAt`. */
    replacedBy: text('replaced_by'),
    params: jsonb('params').$type<Record<string, string>>().notNull(),
    filters: jsonb('filters').$type<{ stream: string; column: string; values: string[] }[]>().notNull(),
    /** The actor that made it; null for the first of a workspace. */
    createdBy: text('created_by'),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
    expiresAt: timestamp('expires_at', { withTimezone: true }),
    revokedAt: timestamp('revoked_at', { withTimezone: true }),
  },
  (table) => [index('identity_keys_workspace').on(table.workspace, table.id)],
)

/** What our tokens are signed with (ES256). The private half is sealed; a key that no longer signs still verifies a while. */
export const signingKeys = pgTable('identity_signing_keys', {
  /** `kid`: the key's RFC 7638 thumbprint. */
  id: text('id').primaryKey(),
  publicJwk: jsonb('public_jwk').$type<Record<string, unknown>>().notNull(),
  sealedJwk: text('sealed_jwk').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull(),
  /** Published before it signs, so that whoever verifies has it by then. */
  signsFrom: timestamp('signs_from', { withTimezone: true }).notNull(),
})

/** OpenID providers whose tokens are believed. */
export const issuers = pgTable(
  'identity_issuers',
  {
    workspace: text('workspace')
      .notNull()
      .references(() => workspaces.name),
    name: text('name').notNull(),
    issuer: text('issuer').notNull(),
    audiences: text('audiences').array().notNull(),
    algorithms: text('algorithms').array().notNull(),
    clockSkewSeconds: integer('clock_skew_seconds').notNull(),
    rules: jsonb('rules').$type<{ claim: string; value: string; workspace: string; roles: string[] }[]>().notNull(),
    clientId: text('client_id').notNull(),
    sealedSecret: text('sealed_secret'),
    /** What its discovery document said, and its keys: kept, so that its tokens verify while it cannot be reached. */
    metadata: jsonb('metadata').$type<Record<string, unknown>>().notNull(),
    jwks: text('jwks').notNull(),
    keysTriedAt: timestamp('keys_tried_at', { withTimezone: true }).notNull(),
    keysFetchedAt: timestamp('keys_fetched_at', { withTimezone: true }).notNull(),
    keysError: text('keys_error').notNull().default(''),
  },
  (table) => [
    primaryKey({ columns: [table.workspace, table.name] }),
    index('identity_issuers_issuer').on(table.issuer),
  ],
)

/** Sign-ins and families of refresh tokens. Ending one ends every credential that came of it. */
export const sessions = pgTable(
  'identity_sessions',
  {
    /** `ses_…`; sorts by the time it was made. */
    id: text('id').primaryKey(),
    workspace: text('workspace').notNull(),
    /** Whose: `key_…`, `usr_…`. */
    actor: text('actor').notNull(),
    /** `browser`: by a cookie; `tokens`: by refresh tokens. */
    kind: text('kind', { enum: ['browser', 'tokens'] }).notNull(),
    /** Of the cookie, or of the refresh token that may be used next. */
    hash: text('hash').notNull().unique(),
    /** For `tokens`: who its access tokens are of, as it was asked for. */
    granted: jsonb('granted').$type<JsonObject>(),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull(),
    expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
    usedAt: timestamp('used_at', { withTimezone: true }).notNull(),
    endedAt: timestamp('ended_at', { withTimezone: true }),
    address: text('address').notNull().default(''),
    agent: text('agent').notNull().default(''),
  },
  (table) => [
    index('identity_sessions_actor').on(table.workspace, table.actor),
    index('identity_sessions_ended').on(table.endedAt),
  ],
)

/** Refresh tokens that were used: one that comes again was stolen, from whoever used it first or second. */
export const usedRefreshTokens = pgTable('identity_used_refresh_tokens', {
  hash: text('hash').primaryKey(),
  session: text('session')
    .notNull()
    .references(() => sessions.id, { onDelete: 'cascade' }),
  usedAt: timestamp('used_at', { withTimezone: true }).notNull(),
})

/** People. One who came by a provider has its issuer and subject here, and no password. */
export const users = pgTable(
  'identity_users',
  {
    /** `usr_…` */
    id: text('id').primaryKey(),
    workspace: text('workspace')
      .notNull()
      .references(() => workspaces.name),
    /** Lower case. */
    email: text('email').notNull(),
    name: text('name').notNull().default(''),
    roles: text('roles').array().notNull(),
    /** Argon2id in PHC form. */
    passwordHash: text('password_hash'),
    sealedTotp: text('sealed_totp'),
    /** The step of the last code that was used: none is good twice. */
    totpStep: integer('totp_step'),
    totpConfirmed: boolean('totp_confirmed').notNull().default(false),
    issuer: text('issuer'),
    subject: text('subject'),
    inviteHash: text('invite_hash').unique(),
    inviteExpiresAt: timestamp('invite_expires_at', { withTimezone: true }),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull(),
    disabledAt: timestamp('disabled_at', { withTimezone: true }),
    signedInAt: timestamp('signed_in_at', { withTimezone: true }),
  },
  (table) => [
    // Somebody with a provider's word for an address is not whoever has the password of that address.
    uniqueIndex('identity_users_email')
      .on(table.workspace, table.email)
      .where(sql`${table.issuer} is null`),
    uniqueIndex('identity_users_subject').on(table.workspace, table.issuer, table.subject),
  ],
)

/** Named sets of scopes, beside the three that every workspace has. */
export const roles = pgTable(
  'identity_roles',
  {
    workspace: text('workspace')
      .notNull()
      .references(() => workspaces.name),
    name: text('name').notNull(),
    scopes: text('scopes').array().notNull(),
    description: text('description').notNull().default(''),
  },
  (table) => [primaryKey({ columns: [table.workspace, table.name] })],
)

/** Browsers that somebody has signed in with before: whoever tries passwords elsewhere does not slow them down. */
export const devices = pgTable('identity_devices', {
  hash: text('hash').primaryKey(),
  user: text('user')
    .notNull()
    .references(() => users.id, { onDelete: 'cascade' }),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull(),
})

/** Passwords that were wrong, by account and by where they were tried. */
export const attempts = pgTable('identity_attempts', {
  /** A hash of both. */
  id: text('id').primaryKey(),
  failures: integer('failures').notNull(),
  lastAt: timestamp('last_at', { withTimezone: true }).notNull(),
})

/** Sign-ins at a provider that came back: none does so twice. Until they would not be believed any more anyway. */
export const spentSignIns = pgTable('identity_spent_sign_ins', {
  /** Of the state. */
  hash: text('hash').primaryKey(),
  expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
})
