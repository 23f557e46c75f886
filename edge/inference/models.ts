import { Failure, toFailure } from '#mesh/errors.ts'
import { type Model, openModel } from '#mesh/inference/model.ts'
import type { Ort } from '#mesh/inference/ort.ts'
import { createFlights, type Passenger } from '../cache/flights.ts'

export interface ModelsOptions {
  /** The file of this SHA-256. */
  readonly load: (hash: string, signal: AbortSignal) => Promise<Uint8Array>
  readonly openOrt: () => Promise<Ort>
  readonly now: () => number
  readonly maxModels?: number
  /** Of all files together. A file of trees is 8 times as large in memory, 25 times while it is loaded; Cloudflare has 128 MB. */
  readonly maxBytes?: number
  /** How long a file that could not be had is not asked for again. */
  readonly failedMs?: number
}

interface Entry {
  readonly model: Model
  readonly bytes: number
}

interface Failed {
  readonly failure: Failure
  readonly atMs: number
}

const maxFailed = 100

export type Models = ReturnType<typeof createModels>

/** An isolate's models, by the SHA-256 of their files: the least recently used goes first. */
export function createModels({
  load,
  openOrt,
  now,
  maxModels = 3,
  maxBytes = 3 << 20,
  failedMs = 5_000,
}: ModelsOptions) {
  const entries = new Map<string, Entry>()
  const failed = new Map<string, Failed>()
  const flights = createFlights<void>({ now })
  let opening: Promise<Ort> | undefined

  function ort(): Promise<Ort> {
    opening ??= openOrt().catch((thrown: unknown) => {
      opening = undefined
      throw thrown
    })
    return opening
  }

  function find(hash: string): Model | undefined {
    const entry = entries.get(hash)
    if (entry === undefined) return undefined
    entries.delete(hash)
    entries.set(hash, entry)
    return entry.model
  }

  function drop(hash: string, { model }: Entry): void {
    entries.delete(hash)
    model.release()
  }

  /** Room is made before it is used: what the memory of WebAssembly has grown by, it keeps. */
  function makeRoom(bytes: number): void {
    let used = bytes
    for (const entry of entries.values()) used += entry.bytes
    for (const [hash, entry] of entries) {
      if (entries.size < maxModels && used <= maxBytes) break
      used -= entry.bytes
      drop(hash, entry)
    }
  }

  async function fetchModel(hash: string, signal: AbortSignal): Promise<void> {
    const file = await load(hash, signal)
    if (file.byteLength > maxBytes) {
      throw new Error(`A model of ${file.byteLength} bytes is too large to be run here.`)
    }
    if ((await sha256(file)) !== hash) throw new Error('What was loaded is not the file of this hash.')
    if (entries.has(hash)) return
    const model = await openModel(file, async () => {
      const runtime = await ort()
      makeRoom(file.byteLength)
      return runtime
    })
    makeRoom(file.byteLength)
    entries.set(hash, { model, bytes: file.byteLength })
  }

  async function fetchOnce(hash: string, signal: AbortSignal): Promise<void> {
    const before = failed.get(hash)
    if (before !== undefined && Math.abs(now() - before.atMs) < failedMs) throw before.failure
    failed.delete(hash)
    try {
      await fetchModel(hash, signal)
    } catch (thrown) {
      const failure = toFailure(thrown)
      if (!signal.aborted) failed.set(hash, { failure, atMs: now() })
      for (const oldest of failed.keys()) if (failed.size > maxFailed) failed.delete(oldest)
      throw failure
    }
  }

  /** A trap leaves the instance in no state to go on with. The next call begins another. */
  function run<T>(model: Model, work: (model: Model) => T): T {
    try {
      return work(model)
    } catch (thrown) {
      if (thrown instanceof WebAssembly.RuntimeError) {
        entries.clear()
        opening = undefined
      }
      throw thrown
    }
  }

  async function loaded<T>(hash: string, passenger: Passenger, work: (model: Model) => T): Promise<T> {
    // A model may have to leave again between its arrival and the turn of whoever waited for it.
    for (let attempt = 0; attempt < 3; attempt++) {
      await flights.board(hash, passenger, (signal) => fetchOnce(hash, signal))
      const model = find(hash)
      if (model !== undefined) return run(model, work)
    }
    throw new Failure('limit.overload', 'More models are asked for than fit here.', { retryAfterMs: 1_000 })
  }

  return {
    /**
     * What `work` makes of the model: at once where it is here, else when it has come. `work` is synchronous, so the model
     * cannot leave while it runs. Fails as `load` does; a failure is remembered for a while.
     */
    use<T>(hash: string, passenger: Passenger, work: (model: Model) => T): T | Promise<T> {
      const model = find(hash)
      return model === undefined ? loaded(hash, passenger, work) : run(model, work)
    },
    /** As `use`, of a model that is here; undefined: it is not. */
    useHere<T>(hash: string, work: (model: Model) => T): T | undefined {
      const model = find(hash)
      return model === undefined ? undefined : run(model, work)
    },
    has: (hash: string) => entries.has(hash),
    /** Has it here for whoever comes. */
    async load(hash: string, passenger: Passenger): Promise<void> {
      if (!entries.has(hash)) await flights.board(hash, passenger, (signal) => fetchOnce(hash, signal))
    },
    get size() {
      return entries.size
    },
  }
}

async function sha256(file: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', file))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
