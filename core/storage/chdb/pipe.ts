/**
 * How a result leaves the engine. chDB's own streaming makes a complete document of every chunk (a JSON head per 65,000
 * rows, one Parquet file after another, no totals), so instead the engine writes `INTO OUTFILE` to a named pipe: every
 * format is then exactly ClickHouse's, at any size, and a reader that is slow holds the engine back.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, constants, existsSync, openSync } from 'node:fs'
import { Socket } from 'node:net'

export interface Pipe {
  /** The bytes that were written, until `finish` was called and the last one is read. */
  readonly reader: AsyncIterable<Buffer>
  /** To be called when the engine has let go of the pipe. */
  finish(): void
}

/** Makes named pipes that are not there yet. Node has no call for it. */
export function makePipes(paths: readonly string[]): void {
  const missing = paths.filter((path) => !existsSync(path))
  if (missing.length === 0) return
  const made = spawnSync('mkfifo', ['-m', '600', ...missing], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`mkfifo failed: ${made.error?.message ?? made.stderr}`)
}

/** Opens a pipe before the engine is told to write to it. */
export function openPipe(path: string): Pipe {
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  // As long as we hold a writing end too, the reader sees no end: not before the engine has opened the pipe, nor when
  // it fails before it does.
  const keeper = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  return {
    reader: new Socket({ fd: reader, readable: true, writable: false }),
    finish: () => closeSync(keeper),
  }
}
