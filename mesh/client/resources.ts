import type { Params } from './query.ts'
import type { CallOptions, Transport } from './transport.ts'

export interface Page<T> {
  readonly data: readonly T[]
  readonly next_cursor: string | null
}

export interface PageOptions extends CallOptions {
  readonly limit?: number | undefined
  readonly cursor?: string | undefined
}

export interface WriteOptions extends CallOptions {
  /** Say what would change; change nothing. */
  readonly dryRun?: boolean | undefined
  /** The version that it must have now. */
  readonly ifVersion?: number | undefined
}

export interface DeleteRowsOptions extends CallOptions {
  /** Only count them. */
  readonly dryRun?: boolean | undefined
}

/** Where the log of a stream is read again from: a time, or offsets; as early as can be where neither is given. */
export interface ReplayFrom {
  readonly time?: string
  readonly offsets?: readonly { readonly partition: number; readonly offset: number }[]
}

export interface Replayed {
  /** What is read again of each partition: `[from, to)`. */
  readonly partitions: readonly { readonly partition: number; readonly from: number; readonly to: number }[]
  /** All of it has been read; else it goes on. */
  readonly queryable: boolean
}

export interface StreamDefinition {
  readonly columns?: readonly { readonly name: string; readonly type: string; readonly pii?: boolean }[]
  /** JSON Schema (2020-12); without columns, they are taken from it. */
  readonly json_schema?: Readonly<Record<string, unknown>>
  readonly order_by?: readonly string[]
  readonly partition_by?: string
  readonly ttl?: string
  readonly id?: string
  readonly time?: string
  readonly on_unknown?: 'add' | 'ignore' | 'quarantine'
}

export interface Stream extends StreamDefinition {
  readonly columns: NonNullable<StreamDefinition['columns']>
  readonly name: string
  readonly version: number
  readonly created_at?: string
  readonly statistics?: Readonly<Record<'rows' | 'bytes' | 'quarantined' | 'repeated' | 'lag', number>>
}

type Value = string | number | boolean

export interface QueryParameter {
  readonly type?: string
  readonly default?: Value | readonly Value[] | null
  readonly required?: boolean
  readonly enum?: readonly Value[]
  readonly description?: string
}

export interface QueryDefinition {
  readonly sql: string
  readonly params?: Readonly<Record<string, QueryParameter>>
  readonly cache?: { readonly ttl_s: number; readonly swr_s?: number; readonly stale_if_error_s?: number }
  readonly limit?: { readonly requests: number; readonly window_s?: number; readonly cost?: number }
  readonly description?: string
}

export interface PublishedQuery extends QueryDefinition {
  readonly name: string
  readonly version: number
  readonly live: boolean
  readonly url: string
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  readonly created_at?: string
}

export interface KeyDefinition {
  readonly name?: string
  readonly scopes: readonly string[]
  readonly plan?: {
    readonly name?: string
    readonly requests: number
    readonly window_s: number
    /** Rows and bytes that its queries may read, and events that it may send, per window. */
    readonly rows?: number
    readonly bytes?: number
    readonly events?: number
    /** Requests that may come at once, and queries that may run at once. */
    readonly burst?: number
    readonly concurrency?: number
  }
  readonly params?: Readonly<Record<string, Value>>
  /** By stream: which rows exist for the key, as `{column: value or values}`. */
  readonly filters?: Readonly<Record<string, Readonly<Record<string, Value | readonly Value[]>>>>
  readonly expires_at?: string
}

export interface Key extends Required<Pick<KeyDefinition, 'name' | 'scopes' | 'params' | 'filters'>> {
  readonly id: string
  readonly prefix: string
  readonly plan?: KeyDefinition['plan']
  readonly created_at?: string
  readonly expires_at?: string
  readonly revoked_at?: string
}

export interface QuarantinedRow {
  readonly id: string
  readonly time?: string
  readonly column?: string
  readonly reason: string
  readonly text: string
}

export interface AuditEntry {
  readonly seq: number
  readonly at: string
  readonly actor: string
  readonly action: string
  readonly resource: string
  readonly outcome: 'done' | 'refused'
  readonly code: string
  readonly detail: Readonly<Record<string, unknown>>
  readonly request_id: string
  readonly hash: string
}

/** A place of the chain of hashes. */
export interface AuditLink {
  readonly seq: number
  readonly hash: string
}

export interface AuditFilter {
  readonly actor?: string | undefined
  readonly action?: string | undefined
  readonly resource?: string | undefined
  readonly outcome?: AuditEntry['outcome'] | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
  /** The installation's needs `workspaces:admin`. */
  readonly chain?: 'workspace' | 'installation' | undefined
}

export interface AuditPage extends Page<AuditEntry> {
  readonly workspace: string
  /** What the chain ends with. */
  readonly head: AuditLink
  /** What precedes its first entry. */
  readonly anchor: AuditLink
}

export interface Workspace {
  readonly name: string
  readonly created_at?: string
  readonly cors_origins: readonly string[]
}

/** The resources of the API, each with its verbs. */
export function resourcesWith(transport: Transport) {
  const json = { 'content-type': 'application/json' }
  const get = async <T>(path: string, { limit, cursor, ...rest }: PageOptions = {}): Promise<T> =>
    (await transport.json<T>({ method: 'GET', path, search: { limit, cursor }, ...rest })).value
  const put = async <T>(path: string, body: object, { dryRun, ifVersion, ...rest }: WriteOptions = {}): Promise<T> => {
    const headers = ifVersion === undefined ? json : { ...json, 'if-match': `"${ifVersion}"` }
    const search = { dry_run: dryRun || undefined }
    return (await transport.json<T>({ method: 'PUT', path, search, headers, body: JSON.stringify(body), ...rest }))
      .value
  }
  const post = async <T>(path: string, body: object | undefined, options: CallOptions = {}): Promise<T> => {
    const sent = body === undefined ? {} : { headers: json, body: JSON.stringify(body) }
    return (await transport.json<T>({ method: 'POST', path, ...sent, ...options })).value
  }
  const remove = async <T>(path: string, options: CallOptions = {}): Promise<T> =>
    (await transport.json<T>({ method: 'DELETE', path, ...options })).value
  const removeRows = async (stream: string, where: string, params: Params, options: DeleteRowsOptions) => {
    const { dryRun, ...rest } = options
    const search = { ...params, where, dry_run: dryRun || undefined }
    const ask = { method: 'DELETE', path: `${at('streams', stream)}/rows`, search, ...rest } as const
    return (await transport.json<{ readonly deleted: number }>(ask)).value
  }
  const at = (resource: string, name: string): string => `/v1/${resource}/${encodeURIComponent(name)}`

  return {
    streams: {
      list: (options?: PageOptions) => get<Page<Stream>>('/v1/streams', options),
      get: (name: string, options?: CallOptions) => get<Stream>(at('streams', name), options),
      put: (name: string, definition: StreamDefinition, options?: WriteOptions) =>
        put<Stream>(at('streams', name), definition, options),
      delete: (name: string, options?: CallOptions) => remove<undefined>(at('streams', name), options),
      truncate: (name: string, options?: CallOptions) =>
        post<undefined>(`${at('streams', name)}/truncate`, undefined, options),
      /** Reads the log again, and brings back what the table lacks. */
      replay: (name: string, from: ReplayFrom = {}, options?: CallOptions) =>
        post<Replayed>(`${at('streams', name)}/replay`, from, options),
      /** Deletes the rows that a condition holds for: `status = {status:UInt16}`, `{ status: 500 }`. */
      deleteRows: (name: string, where: string, params: Params = {}, options: DeleteRowsOptions = {}) =>
        removeRows(name, where, params, options),
    },
    queries: {
      list: (options?: PageOptions) => get<Page<PublishedQuery>>('/v1/queries', options),
      get: (name: string, options?: CallOptions) => get<PublishedQuery>(at('queries', name), options),
      versions: (name: string, options?: PageOptions) =>
        get<Page<PublishedQuery>>(`${at('queries', name)}/versions`, options),
      put: (name: string, definition: QueryDefinition, options?: WriteOptions) =>
        put<PublishedQuery & { readonly changed: boolean }>(at('queries', name), definition, options),
      delete: (name: string, options?: CallOptions) => remove<undefined>(at('queries', name), options),
    },
    keys: {
      list: (options?: PageOptions) => get<Page<Key>>('/v1/keys', options),
      get: (id: string, options?: CallOptions) => get<Key>(at('keys', id), options),
      /** The only answer that has the text of the key. */
      create: (definition: KeyDefinition, options?: CallOptions) =>
        post<Key & { readonly key: string }>('/v1/keys', definition, options),
      revoke: (id: string, options?: CallOptions) => remove<Key>(at('keys', id), options),
    },
    quarantine: {
      list: (stream: string, options?: PageOptions) => get<Page<QuarantinedRow>>(at('quarantine', stream), options),
      replay: (
        stream: string,
        rows: readonly { readonly id: string; readonly row?: object; readonly text?: string }[],
        options?: CallOptions,
      ) =>
        post<{
          readonly accepted: number
          readonly errors: readonly { readonly row: number; readonly column?: string; readonly reason: string }[]
        }>(`${at('quarantine', stream)}/replay`, { rows }, options),
      discard: (
        stream: string,
        which: { readonly ids: readonly string[] } | { readonly all: true },
        options?: CallOptions,
      ) => post<{ readonly discarded: number }>(`${at('quarantine', stream)}/discard`, which, options),
    },
    audit: {
      list: async ({
        signal,
        timeoutMs,
        ...search
      }: AuditFilter & PageOptions & { readonly order?: 'newest' | 'oldest' } = {}): Promise<AuditPage> =>
        (
          await transport.json<AuditPage>({
            method: 'GET',
            path: '/v1/audit',
            search: { ...search },
            signal,
            timeoutMs,
          })
        ).value,
      /** Oldest first; a stream that breaks off has not ended. */
      export: async ({
        signal,
        timeoutMs,
        ...search
      }: AuditFilter & CallOptions & { readonly format?: 'ndjson' | 'csv' } = {}): Promise<
        ReadableStream<Uint8Array>
      > => {
        const ask = { method: 'GET', path: '/v1/audit/export', search: { ...search }, signal, timeoutMs } as const
        const { body } = await transport.open(ask)
        return body ?? new ReadableStream({ start: (controller) => controller.close() })
      },
    },
    workspaces: {
      list: (options?: PageOptions) => get<Page<Workspace>>('/v1/workspaces', options),
      create: (name: string, options?: CallOptions) =>
        post<{ readonly workspace: Workspace; readonly key: Key & { readonly key: string } }>(
          '/v1/workspaces',
          { name },
          options,
        ),
    },
    /** Whether the gateway and what it needs answer. */
    ready: (options?: CallOptions) => get<{ readonly status: string }>('/health/ready', options),
  }
}
