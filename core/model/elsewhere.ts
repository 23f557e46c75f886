import { hash } from 'node:crypto'
import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import type { ModelDeps } from './deps.ts'
import { createKnownModels } from './known-models.ts'
import { openSignatures } from './loaded-models.ts'
import { servedTable } from './served-table.ts'
import { modelReads } from './statements/model-reads.ts'
import { parseStatement } from './statements/parse-statement.ts'

/** What a process without models knows of them: by the control store, and the process that has them. */
export interface ModelsElsewhere {
  /** Whether a text is theirs to answer. */
  isAbout(workspace: string, sql: string): Promise<boolean>
  /** To be called after one was answered: what models there are may be different now. */
  forget(workspace: string): void
  /** What `FROM served(name)` stands for. */
  servedTable(ctx: Context, name: string): Promise<string>
}

export interface ModelsElsewhereOptions extends Pick<ModelDeps, 'db' | 'limits' | 'now'> {
  /** The file of a hash. */
  readonly artefact: (sha256: string) => Promise<Uint8Array>
}

export function openModelsElsewhere(options: ModelsElsewhereOptions): ModelsElsewhere {
  const { limits, artefact } = options
  const known = createKnownModels(options)
  const signature = openSignatures(async (sha256) => {
    const file = await artefact(sha256)
    if (hash('sha256', file) === sha256) return file
    throw new Failure('model.unavailable', 'The file of the model came damaged.', { retryAfterMs: 1_000 })
  })

  return {
    async isAbout(workspace, sql) {
      if (isOne(() => parseStatement(sql))) return true
      if (Buffer.byteLength(sql) > limits.maxSqlBytes) return false
      const names = await known.of(workspace)
      return names.size > 0 && isOne(() => modelReads(sql, (name) => names.has(name)))
    },
    forget: known.forget,
    servedTable: (ctx, name) => servedTable({ ...options, loaded: { signature } }, ctx, name),
  }
}

/** Or would be one but for an error in it, which is told by who would answer. */
function isOne(parse: () => object | undefined): boolean {
  try {
    return parse() !== undefined
  } catch (thrown) {
    if (thrown instanceof Failure) return true
    throw thrown
  }
}
