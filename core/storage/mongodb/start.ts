import { Failure } from '#mesh/errors.ts'
import { DatabaseError } from '../database-error.ts'
import { isLost } from './lost.ts'
import type { MongoUrl } from './url.ts'

const ways: readonly (readonly [pattern: RegExp, way: string])[] = [
  // https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
  [/\(18\)|Authentication failed|bad auth/, 'Check the user and password of MONGODB_URL, and its authSource.'],
  [/\(13\)|not authorized|requires authentication/, 'The user needs the role readWrite on the database.'],
  [/ENOTFOUND|EAI_AGAIN|ENODATA|querySrv/, 'Check the host of MONGODB_URL.'],
  [/no such file or directory/, 'Check the files that MONGODB_URL names.'],
  [
    /CERT|certificate|SELF_SIGNED|ISSUER/i,
    'Name its authority by tlsCAFile=FILE, and the server as its certificate does.',
  ],
  [
    /SSL|TLS|secure TLS|wrong version/i,
    'Give the server a certificate, or say tls=false where the network is trusted.',
  ],
  [/ECONNREFUSED|timed out|Server selection/, 'Start the server, or check host and port of MONGODB_URL.'],
  [/wire version/, 'MongoDB 4.4 or newer is needed.'],
  [/options? .+ not supported|Expected|cannot|must/, 'Write MONGODB_URL as the README says.'],
]

/** Says which database it is, why, and the way out: nothing of the URL that is secret. */
export function cannotOpen(url: MongoUrl, error: unknown): DatabaseError {
  const reason = withoutSecrets(url, reasonOf(error))
  const way = ways.find(([pattern]) => pattern.test(reason))?.[1]
  return new DatabaseError(
    `The document store ${url.hosts}/${url.database} cannot be opened: ${reason}.${way === undefined ? '' : ` ${way}`}`,
    isLost(error) || error instanceof Failure ? 68 : 78,
    error,
  )
}

/** The driver wraps what happened, last what each server said. */
function reasonOf(error: unknown): string {
  const code: unknown = (error as { readonly code?: unknown } | undefined)?.code
  const said = [...new Set(wordsOf(error))].join('; ') || 'the connection broke'
  return typeof code === 'number' ? `${said} (${code})` : said
}

function wordsOf(error: unknown): readonly string[] {
  if (error instanceof AggregateError) return error.errors.flatMap(wordsOf)
  if (!(error instanceof Error)) return []
  const inner = error.cause === undefined ? [] : wordsOf(error.cause)
  const code: unknown = (error as NodeJS.ErrnoException).code
  return [
    ...(error.message === '' ? (typeof code === 'string' ? [code] : []) : [error.message.replace(/\.$/, '')]),
    ...inner,
  ]
}

/** The driver does not quote them; should it ever, nobody sees it. */
function withoutSecrets({ text }: MongoUrl, said: string): string {
  const password = /^[^/]+:\/\/[^@/?:]*:(?<password>[^@/?]+)@/.exec(text)?.groups?.['password']
  if (password === undefined) return said
  return said.replaceAll(password, '…').replaceAll(decodeURIComponent(password), '…')
}
