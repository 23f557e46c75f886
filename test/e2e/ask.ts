import type { Product } from '../support/product.ts'

type Gateway = Pick<Product, 'url' | 'key'>
export type Row = Readonly<Record<string, unknown>>

export interface Asked {
  readonly method?: string
  /** Another key than the administrator's; null: none. */
  readonly key?: string | null
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  readonly body?: string
  readonly type?: string
}

export interface Answered<T> {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body; an empty object where it is not JSON. */
  readonly json: T
}

/** Asks the gateway as any HTTP client does. */
export async function ask<T = Row>(gateway: Gateway, path: string, asked: Asked = {}): Promise<Answered<T>> {
  const { key = gateway.key, json, body = json === undefined ? undefined : JSON.stringify(json) } = asked
  const type = asked.type ?? (json === undefined ? 'application/x-ndjson' : 'application/json')
  const response = await fetch(gateway.url + path, {
    method: asked.method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(key !== null && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { 'content-type': type }),
      ...asked.headers,
    },
    ...(body !== undefined && { body }),
  })
  const text = await response.text()
  const isJson = /[/+]json\b/.test(response.headers.get('content-type') ?? '')
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: (isJson && text !== '' ? JSON.parse(text) : {}) as T,
  }
}

/** Asks for what the test cannot go on without. */
export async function must<T = Row>(gateway: Gateway, path: string, asked: Asked = {}): Promise<Answered<T>> {
  const answer = await ask<T>(gateway, path, asked)
  if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${answer.text}`)
  return answer
}

/** Asks until the answer is one that was kept: what was fetched while the edge heard of a change is given, and not kept. */
export async function kept<T = Row>(gateway: Gateway, path: string, asked: Asked = {}): Promise<Answered<T>> {
  for (let left = 50; ; left--) {
    const answer = await ask<T>(gateway, path, asked)
    if (left === 0 || /; ?hit/.test(answer.headers.get('cache-status') ?? '')) return answer
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Rows of a query of one's own. */
export async function rows<T = Row>(gateway: Gateway, query: string, key = gateway.key): Promise<readonly T[]> {
  return (await must<{ data: readonly T[] }>(gateway, '/v1/sql', { json: { query }, key })).json.data
}

/** Sends a statement that trains, and waits for it; answers its job. A training that fails is an error. */
export async function trained(gateway: Gateway, query: string, key = gateway.key): Promise<string> {
  const [started] = await rows<{ job: string }>(gateway, query, key)
  for (;;) {
    const { json } = await must<{ status: string }>(gateway, `/v1/jobs/${started!.job}`, { key })
    if (json.status === 'done') return started!.job
    if (json.status !== 'queued' && json.status !== 'running') throw new Error(JSON.stringify(json))
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

export interface NewKey {
  readonly id: string
  readonly key: string
}

export async function newKey(gateway: Gateway, definition: object): Promise<NewKey> {
  return (await must<NewKey>(gateway, '/v1/keys', { json: { name: 'test', ...definition } })).json
}
