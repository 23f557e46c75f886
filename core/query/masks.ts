import { Failure } from '#mesh/errors.ts'
import { allows } from '#mesh/scopes.ts'
import type { Context } from '../context.ts'
import { personalColumns } from '../ingest/index.ts'
import type { ControlDb } from '../storage/control.ts'
import { maskedDatabase, systemPii } from '../stream/index.ts'
import type { Statement } from './gate/gate.ts'

/**
 * The database that a statement's names of streams are of: the workspace's own, or the one where every stream is a view
 * with constants for personal data. What runs there cannot reach a value, wherever in it a stream stands: only a table that
 * is named with its workspace would be the real one, and that is refused.
 */
export async function databaseOf(db: ControlDb, ctx: Context, statement: Statement): Promise<string> {
  const { workspace } = ctx.actor
  const masked = await maskedFor(db, ctx, statement.reads.streams)
  if (masked.size === 0) return workspace
  const [qualified] = statement.reads.qualified
  if (qualified !== undefined) {
    const stream = qualified.slice(qualified.indexOf('.') + 1)
    throw new Failure('query.not_allowed', `\`${qualified}\` cannot be named so beside personal data.`, {
      hint: `Write \`${stream}\`, without the workspace.`,
    })
  }
  if (statement.prewhere) {
    throw new Failure('query.not_allowed', 'PREWHERE is not allowed where personal data is masked.', {
      hint: 'Write WHERE: it means the same.',
    })
  }
  return maskedDatabase(workspace)
}

/** The columns that the actor sees masked, by stream. One stream masked, none of them is seen as it is. */
export async function maskedFor(
  db: ControlDb,
  { actor }: Context,
  streams: ReadonlySet<string>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const isSeen = (stream: string): boolean => allows(actor.scopes, 'pii:read', stream)
  const unsure = [...streams].filter((stream) => !isSeen(stream))
  const ofSystem = [...systemPii].filter(([stream]) => unsure.includes(stream))
  const own = unsure.filter((stream) => !stream.startsWith('_'))
  const found = own.length === 0 ? [] : await personalColumns(db, actor.workspace, own)
  return new Map([...ofSystem, ...found])
}
