/** Files by key, as `models/3f…`: written once, whole or not at all, and never changed. */
export interface Objects {
  /** Resolves when it is there for good, all of it; until then there is what was there before. */
  put(key: string, bytes: Uint8Array): Promise<void>
  /** Undefined: there is none. */
  get(key: string): Promise<Uint8Array | undefined>
  /** That there is none is no error. */
  delete(key: string): Promise<void>
  /** What a folder holds, as `models/`, and since when. */
  list(folder: string): AsyncIterable<{ readonly key: string; readonly modifiedMs: number }>
  /** A URL that gives the object to whoever has it, for so long; undefined where the engine has none to give. */
  link(key: string, seconds: number): Promise<string | undefined>
  /** Drops what puts that were cut short before a time have left. Nobody could see it. */
  dropParts(before: number): Promise<void>
  /** Whether it answers. */
  ping(): Promise<boolean>
  close(): void
}
