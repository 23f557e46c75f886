/**
 * Scopes read `resource:verb[:name]`; `*` stands for any name, and a scope without a name covers every name.
 * This table is the whole list: `edgewise scopes` prints it, and a key cannot be given anything else.
 */
export const scopes = {
  'events:write': 'send events to a stream; may be narrowed to one: events:write:orders',
  'streams:read': 'see streams, their schema and statistics; may be narrowed to one',
  'streams:create': 'declare streams and create them by sending events',
  'streams:write': 'change, truncate and delete streams; may be narrowed to one',
  'topics:read': 'see topics, fetch and consume from them; may be narrowed to one: topics:read:emails',
  'topics:write': 'produce to topics; may be narrowed to one',
  'topics:create': 'create topics by producing to them, and delete them',
  'quarantine:read': 'see refused rows; may be narrowed to one stream',
  'quarantine:write': 'mend, replay and discard refused rows; may be narrowed to one stream',
  'sql:read': 'run SQL of one’s own',
  'pii:read': 'see personal data, which is masked otherwise; may be narrowed to one stream',
  'usage:read': 'see what the workspace used, and how one’s own plan stands',
  'queries:read': 'see published queries',
  'queries:write': 'publish and unpublish queries',
  'endpoints:read': 'call published queries; may be narrowed to one: endpoints:read:top_pages',
  'models:read': 'see models, their versions and cards, and trainings',
  'models:write': 'train, drop and roll out models; may be narrowed to one',
  'models:predict': 'predict with a model; may be narrowed to one: models:predict:churn',
  'products:read': 'see products',
  'products:write': 'make, change and delete products',
  'items:read': 'see items',
  'items:write': 'make, change and delete items',
  'documents:read': 'see documents as they are; may be narrowed to one collection',
  'documents:write': 'make, change and delete documents; may be narrowed to one collection',
  'routes:call': 'call a workspace’s own services by its routes; may be narrowed to one route',
  'routes:admin': 'define routes to one’s own services',
  'limits:use': 'charge a limit by name, for one’s own services; may be narrowed to one limit',
  'limits:admin': 'define limits by name',
  'redis:read': 'read the workspace’s keys in Redis',
  'redis:write': 'change the workspace’s keys in Redis, and run scripts',
  'keys:verify': 'ask whether a key of this workspace holds, for one’s own services',
  'keys:admin': 'create, list and revoke API keys',
  'users:admin': 'invite people, give them roles, end their sessions; define roles',
  'issuers:admin': 'declare the OpenID providers whose users may come',
  'audit:read': 'see who did what, and who was refused what',
  'workspace:admin': 'change the settings of the workspace',
  'workspaces:admin': 'create and list workspaces of the installation',
} as const

export type Scope = keyof typeof scopes

/** What an administrator of one workspace holds: everything but power over other workspaces. */
export const workspaceScopes: readonly Scope[] = (Object.keys(scopes) as Scope[]).filter(
  (scope) => scope !== 'workspaces:admin',
)

/** Beside what administers: what an editor does without. */
const ownersOnly: ReadonlySet<Scope> = new Set(['audit:read', 'pii:read'])

/** What every workspace has; others can be defined beside them. */
export const builtInRoles: Readonly<Record<string, readonly Scope[]>> = {
  owner: workspaceScopes,
  editor: workspaceScopes.filter((scope) => !scope.endsWith(':admin') && !ownersOnly.has(scope)),
  viewer: [
    'streams:read',
    'sql:read',
    'queries:read',
    'endpoints:read',
    'models:read',
    'models:predict',
    'products:read',
    'items:read',
  ],
}

/** What the holder of these roles may do. A role that is gone gives nothing. */
export function scopesOfRoles(
  names: readonly string[],
  defined: readonly { readonly name: string; readonly scopes: readonly string[] }[],
): string[] {
  const held = names.flatMap(
    (name) =>
      (Object.hasOwn(builtInRoles, name) ? builtInRoles[name] : undefined) ??
      defined.find((role) => role.name === name)?.scopes ??
      [],
  )
  return [...new Set(held)]
}

/** Scopes for a user's own services: what they mean is up to those. */
const ownShape = /^app:[\w.-]{1,64}(:[\w.-]{1,64})?$/

const nameShape = /^(\*|_?[a-z][a-z0-9_]{0,47})$/
/** Topics are called as in Kafka. */
const topicShape = /^(\*|[\w.-]{1,100})$/

/** Whether `text` is a scope of the table, narrowed to a name or not, or one for a user's own services. */
export function isScope(text: string): boolean {
  if (ownShape.test(text)) return true
  const [resource, verb, name, ...rest] = text.split(':')
  const shape = resource === 'topics' ? topicShape : nameShape
  return `${resource}:${verb}` in scopes && rest.length === 0 && (name === undefined || shape.test(name))
}

/** Whether the scopes held cover the one that is needed, for the resource of that name if it has one. */
export function allows(held: readonly string[], needed: Scope, name?: string): boolean {
  for (const scope of held) {
    if (scope === needed || scope === `${needed}:*`) return true
    if (name !== undefined && scope === `${needed}:${name}`) return true
  }
  return false
}
