import type { Context } from '../context.ts'
import { checkSql, type Statement } from './gate/gate.ts'
import type { GateDeps } from './gate/parser.ts'
import type { StoredQuery } from './store.ts'

/** Statements of published queries, judged once in the life of this process, so that a stricter gate holds for old ones. */
export interface Published {
  statementOf(ctx: Context, query: StoredQuery): Promise<Statement>
}

const maxKept = 1_000

export function createPublished(deps: GateDeps): Published {
  const kept = new Map<string, Statement>()
  return {
    async statementOf(ctx, { workspace, name, version, definition }) {
      const key = `${workspace}/${name}/${version}`
      const known = kept.get(key)
      if (known !== undefined) {
        kept.delete(key)
        kept.set(key, known)
        return known
      }
      const statement = await checkSql(deps, ctx, definition.sql)
      // What stands for it changes with its model.
      if (/\bserved\b/.test(definition.sql)) return statement
      kept.set(key, statement)
      for (const oldest of kept.keys()) {
        if (kept.size <= maxKept) break
        kept.delete(oldest)
      }
      return statement
    },
  }
}
