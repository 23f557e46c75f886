import { Failure } from '#mesh/errors.ts'
import { record } from '../audit/index.ts'
import { recordChange } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import type { Deps } from './deps.ts'
import { setCorsOrigins, type WorkspaceRow } from './store.ts'

/** Replaces the origins that browsers may call the caller's workspace from. */
export async function updateWorkspace(
  deps: Deps,
  ctx: Context,
  input: { readonly corsOrigins: readonly string[] },
): Promise<WorkspaceRow> {
  authorise(ctx, 'workspace:admin')
  checkOrigins(input.corsOrigins)
  const { workspace } = ctx.actor
  const row = await deps.db.transaction(async (tx) => {
    const changed = await setCorsOrigins(tx, workspace, input.corsOrigins)
    if (changed === undefined) throw new Failure('resource.not_found', 'The workspace is gone.')
    await recordChange(tx, { kind: 'workspace', workspace, name: workspace })
    const detail = { cors_origins: [...input.corsOrigins] }
    await record(tx, ctx, { action: 'update_workspace', resource: `workspace/${workspace}`, detail })
    return changed
  })
  deps.forget()
  return row
}

function checkOrigins(origins: readonly string[]): void {
  const errors = origins.flatMap((origin, i) =>
    origin === '*' || (URL.canParse(origin) && new URL(origin).origin === origin)
      ? []
      : [{ pointer: `/cors_origins/${i}`, reason: 'must be an origin such as https://example.com, or *' }],
  )
  if (origins.length > 100) errors.push({ pointer: '/cors_origins', reason: 'must be at most 100' })
  if (errors.length > 0) throw new Failure('request.invalid', 'The origins do not hold.', { errors })
}
