import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { type Client, EdgewiseError, type PublishedQuery } from '#mesh/client/index.ts'
import { CliError } from '../exit.ts'
import { parseQueryFile, type QueryFile } from './parse.ts'

export interface Published {
  readonly file: string
  readonly name: string
  readonly version: number
  readonly url: string
  readonly status: 'new' | 'changed' | 'unchanged'
  /** Which parts differ from what was live. */
  readonly differs: readonly string[]
}

/** Publishes one file, or says what publishing it would do. */
export async function publishFile(
  client: Client & { readonly url: string },
  path: string,
  dryRun: boolean,
): Promise<Published> {
  const parsed = parseQueryFile(await readFile(path, 'utf8'), basename(path))
  if ('mistakes' in parsed) {
    throw new CliError(parsed.mistakes.map(({ line, reason }) => `${path}:${line}: ${reason}`).join('\n'))
  }
  const { name, definition } = parsed.file
  const before = await client.queries.get(name).catch((error: unknown) => {
    if (error instanceof EdgewiseError && error.status === 404) return undefined
    throw error
  })
  try {
    const { version, url, changed } = await client.queries.put(name, definition, { dryRun })
    const status = before === undefined ? 'new' : changed ? 'changed' : 'unchanged'
    return {
      file: path,
      name,
      version,
      url: new URL(url, client.url).href,
      status,
      differs: status === 'changed' && before ? differences(before, parsed.file) : [],
    }
  } catch (error) {
    throw error instanceof EdgewiseError ? placed(error, path, parsed.file) : error
  }
}

/** A place in the SQL, as a place in the file. */
function placed(error: EdgewiseError, path: string, { headerLines }: QueryFile): CliError | EdgewiseError {
  const places = error.errors.filter(({ line }) => line !== undefined)
  if (error.status !== 400 && error.status !== 403 && error.status !== 422) return error
  if (error.code.startsWith('auth.')) return error
  const at = places.map(({ line = 1, column = 1, reason }) => `${path}:${line + headerLines}:${column}: ${reason}`)
  const others = error.errors
    .filter(({ line }) => line === undefined)
    .map(({ pointer, reason }) => `${path}: ${pointer ?? ''} ${reason}`)
  return new CliError([`${path}: ${error.message} (${error.code})`, ...at, ...others].join('\n'), { hint: error.hint })
}

function differences(before: PublishedQuery, { definition }: QueryFile): readonly string[] {
  const parts = {
    sql: [before.sql, definition.sql],
    description: [before.description ?? '', definition.description ?? ''],
    cache: [
      before.cache?.ttl_s ?? 0,
      definition.cache?.ttl_s ?? 0,
      before.cache?.swr_s ?? 0,
      definition.cache?.swr_s ?? 0,
      before.cache?.stale_if_error_s ?? 0,
      definition.cache?.stale_if_error_s ?? 0,
    ],
    limit: [
      before.limit?.requests ?? 0,
      definition.limit?.requests ?? 0,
      before.limit?.window_s ?? 60,
      definition.limit?.window_s ?? 60,
      before.limit?.cost ?? 1,
      definition.limit?.cost ?? 1,
    ],
  }
  const changed = Object.entries(parts).filter(([, values]) =>
    values.some((value, at) => at % 2 === 0 && value !== values[at + 1]),
  )
  const names = changed.map(([name]) => name)
  // What else there is are the parameters.
  return names.length === 0 ? ['params'] : names
}
