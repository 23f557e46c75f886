import type { ModelDeps } from './deps.ts'
import { listModels } from './store.ts'

/** How long a model that another process made or dropped is not known. */
const keptMs = 2_000
const maxWorkspaces = 10_000

/** Names of a workspace's models, so that not every query has to ask for them. They decide nothing: what is read is looked up. */
export function createKnownModels({ db, now, limits }: Pick<ModelDeps, 'db' | 'now' | 'limits'>) {
  const known = new Map<string, { readonly names: Promise<ReadonlySet<string>>; readonly at: number }>()

  async function read(workspace: string): Promise<ReadonlySet<string>> {
    const models = await listModels(db, workspace, { limit: limits.maxModels })
    return new Set(models.map(({ name }) => name))
  }

  return {
    of(workspace: string): Promise<ReadonlySet<string>> {
      const found = known.get(workspace)
      if (found !== undefined && Math.abs(now() - found.at) < keptMs) return found.names
      const names = read(workspace)
      names.catch(() => known.delete(workspace))
      if (known.size >= maxWorkspaces) known.clear()
      known.set(workspace, { names, at: now() })
      return names
    },
    forget: (workspace: string): void => void known.delete(workspace),
  }
}
