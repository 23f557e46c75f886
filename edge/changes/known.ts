import type { CallOptions } from '#mesh/rpc/call.ts'
import type { Change_Kind } from '#proto/edgewise/config/v1/config_pb.ts'
import type { Background } from '../core.ts'
import type { Feed } from './feed.ts'

const maxKnown = 5_000

interface Which {
  readonly workspace: string
  readonly name: string
  /** 0 is the live one. */
  readonly version: number
}

/** What the core said of something that has a name, as this isolate knows it. */
export interface Known<T> extends Which {
  readonly said: T
  /** False once the feed has said that it changed. */
  current: boolean
}

export interface KnowledgeOptions<T> {
  readonly feed: Feed
  readonly kind: Change_Kind
  readonly ask: (which: Which, options: CallOptions) => Promise<T>
  /** One of those that were known has just changed. */
  readonly onChanged?: (before: Known<T>, background: Background) => void
}

export type Knowledge<T> = ReturnType<typeof createKnowledge<T>>

/** What an edge must know of things of one kind to answer by itself, each until the feed says that it changed. */
export function createKnowledge<T>({ feed, kind, ask, onChanged }: KnowledgeOptions<T>) {
  const all = new Map<string, Known<T>>()

  feed.onChange((change, background) => {
    if (change !== undefined && change.kind !== kind) return
    for (const [key, known] of all) {
      const isAbout = known.workspace === change?.workspace && known.name === change.name
      if (change !== undefined && !isAbout) continue
      known.current = false
      all.delete(key)
      if (isAbout) onChanged?.(known, background)
    }
  })

  return {
    peek: (workspace: string, name: string, version: number) => all.get(`${workspace}/${name}/${version}`),

    /** The core's word, as whoever the options say. */
    async get(workspace: string, name: string, version: number, options: CallOptions): Promise<Known<T>> {
      const key = `${workspace}/${name}/${version}`
      const found = all.get(key)
      if (found !== undefined) return found
      const before = feed.version(workspace)
      const which = { workspace, name, version }
      const said = await ask(which, options)
      const known = { ...which, said, current: feed.version(workspace) === before }
      if (known.current) {
        if (all.size >= maxKnown) all.clear()
        all.set(key, known)
      }
      return known
    },
  }
}
