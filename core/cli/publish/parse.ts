import type { QueryDefinition, QueryParameter } from '#mesh/client/index.ts'
import { seconds } from '../command.ts'
import { closest } from '#mesh/closest.ts'
import { split, unquoted } from './values.ts'

export interface QueryFile {
  readonly name: string
  readonly definition: QueryDefinition
  /** Lines above the SQL, so that a place in the SQL is found in the file. */
  readonly headerLines: number
}

export interface Mistake {
  readonly line: number
  readonly reason: string
}

export type Parsed = { readonly file: QueryFile } | { readonly mistakes: readonly Mistake[] }

interface Draft {
  name: string
  description: string[]
  params: Record<string, QueryParameter>
  cache?: NonNullable<QueryDefinition['cache']>
  limit?: NonNullable<QueryDefinition['limit']>
}

const keys = ['name', 'description', 'cache', 'limit', 'param']
const namePattern = /^[a-z][a-z0-9_]{0,47}$/

/**
 * A query in a file: plain SQL whose leading `--` lines say the rest.
 *
 *     -- name: requests_per_hour                 (else the file's name)
 *     -- description: Requests, bytes and error rate per hour
 *     --   for a path prefix                     (indented by three: goes on)
 *     -- cache: ttl 60s, swr 300s, sie 1h
 *     -- limit: 100 per 60s, cost 2
 *     -- param prefix: required, description What the path begins with
 *     -- param status: default 200, one of 200 | 404 | 500
 *
 * A `--` line without a key and a colon is a comment.
 */
export function parseQueryFile(text: string, fileName: string): Parsed {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  const end = lines.findIndex((line) => line.trim() !== '' && !line.trimStart().startsWith('--'))
  const headerLines = end < 0 ? lines.length : end
  const draft: Draft = { name: fileName.replace(/\.sql$/, ''), description: [], params: {} }
  const mistakes: Mistake[] = []
  let going: string | undefined

  for (const [at, line] of lines.slice(0, headerLines).entries()) {
    const directive = /^\s*--\s{0,2}([A-Za-z]\w*)(?:\s+(\w+))?\s*:(?:\s+(.*))?$/.exec(line)
    if (directive === null) {
      const more = /^\s*--\s{3,}(\S.*)$/.exec(line)
      if (going === 'description' && more !== null) draft.description.push(more[1]!.trim())
      else going = undefined
      continue
    }
    const [, key = '', subject, value = ''] = directive
    going = key
    const wrong = take(draft, key, subject, value.trim())
    if (wrong !== undefined) mistakes.push({ line: at + 1, reason: wrong })
  }

  const sql = lines.slice(headerLines).join('\n').trimEnd()
  if (sql === '') mistakes.push({ line: lines.length, reason: 'there is no SQL' })
  if (!namePattern.test(draft.name)) {
    mistakes.push({
      line: 1,
      reason: `${draft.name} is not a name ([a-z][a-z0-9_]{0,47}): say another with \`-- name:\``,
    })
  }
  if (mistakes.length > 0) return { mistakes }
  const { name, description, params, cache, limit } = draft
  const definition = {
    sql,
    ...(description.length > 0 && { description: description.join(' ') }),
    ...(Object.keys(params).length > 0 && { params }),
    ...(cache && { cache }),
    ...(limit && { limit }),
  }
  return { file: { name, definition, headerLines } }
}

/** Puts one line into the draft; answers what is wrong with it. */
function take(draft: Draft, key: string, subject: string | undefined, value: string): string | undefined {
  if (key !== 'param' && subject !== undefined) return unknown(`${key} ${subject}`, key)
  switch (key) {
    case 'name':
      draft.name = value
      return undefined
    case 'description':
      draft.description.push(value)
      return undefined
    case 'cache': {
      const cache = parseCache(value)
      if (typeof cache === 'string') return cache
      draft.cache = cache
      return undefined
    }
    case 'limit': {
      const limit = parseLimit(value)
      if (typeof limit === 'string') return limit
      draft.limit = limit
      return undefined
    }
    case 'param': {
      if (subject === undefined) return '`param` needs a name: `-- param prefix: required`'
      const param = parseParam(value)
      if (typeof param === 'string') return param
      draft.params[subject] = param
      return undefined
    }
    default:
      return unknown(key, key)
  }
}

function unknown(said: string, key: string): string {
  const meant = closest(key, keys)
  return `unknown key \`${said}\`${meant === undefined ? `; there are ${keys.join(', ')}` : `; did you mean \`${meant}\`?`}`
}

const cacheKeys = { ttl: 'ttl_s', swr: 'swr_s', sie: 'stale_if_error_s' } as const

function parseCache(text: string): NonNullable<QueryDefinition['cache']> | string {
  const cache: { ttl_s: number; swr_s?: number; stale_if_error_s?: number } = { ttl_s: 0 }
  for (const piece of split(text)) {
    const [key = '', duration = '', ...rest] = piece.split(/\s+/)
    if (!Object.hasOwn(cacheKeys, key)) {
      const meant = closest(key, Object.keys(cacheKeys))
      return `unknown \`${key}\` in cache${meant === undefined ? '; there are ttl, swr and sie' : `; did you mean \`${meant}\`?`}`
    }
    const value = seconds(duration)
    if (value === undefined || rest.length > 0) return `\`${piece}\` is not such as \`${key} 60s\``
    cache[cacheKeys[key as keyof typeof cacheKeys]] = value
  }
  return cache
}

function parseLimit(text: string): NonNullable<QueryDefinition['limit']> | string {
  const match = /^(\d+)\s+per\s+(\w+)(?:\s*,\s*cost\s+(\d+))?$/.exec(text)
  const window = seconds(match?.[2] ?? '')
  if (match === null || window === undefined) return `\`${text}\` is not such as \`100 per 60s, cost 2\``
  return { requests: Number(match[1]), window_s: window, ...(match[3] !== undefined && { cost: Number(match[3]) }) }
}

const paramKeys = ['required', 'default', 'one of', 'description']

function parseParam(text: string): QueryParameter | string {
  const param: { -readonly [K in keyof QueryParameter]: QueryParameter[K] } = {}
  const pieces = split(text)
  for (const [at, piece] of pieces.entries()) {
    const [, key = '', value = ''] = /^(one of|\S+)\s*(.*)$/s.exec(piece) ?? []
    switch (key) {
      case '':
        break
      case 'required':
        param.required = true
        break
      case 'default':
        param.default = unquoted(value)
        break
      case 'one of':
        param.enum = split(value, '|').map(unquoted)
        break
      case 'description':
        // The last one: its commas are its own.
        return { ...param, description: [value, ...pieces.slice(at + 1)].join(', ') }
      default: {
        const meant = closest(key, paramKeys)
        return `unknown \`${key}\` in param${meant === undefined ? `; there are ${paramKeys.join(', ')}` : `; did you mean \`${meant}\`?`}`
      }
    }
  }
  return param
}
