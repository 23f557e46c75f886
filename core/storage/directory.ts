import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** What the files in a data directory look like. A core refuses a directory of another format. */
export const formatVersion = 1

const minFreeBytes = 256 * 1024 * 1024

/** The identity of the log that is in the data directory itself. */
export const embeddedLog = 'the embedded log'

/** Why a data directory cannot be used, with the exit code that says so (sysexits.h). */
export class DirectoryError extends Error {
  override readonly name = 'DirectoryError'
  readonly exitCode: number

  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

export interface DataDirectory {
  readonly path: string
  /** Which of all directories it is. */
  readonly id: string
  /** The path of something inside. */
  at(name: string): string
  release(): void
}

/**
 * Takes a data directory for this process alone. The lock is an open SQLite transaction: the operating system lets go
 * of it when the process ends, however it ends, so there is no stale lock to clean up.
 */
export function openDataDirectory(path: string): DataDirectory {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new DirectoryError(`The data directory ${path} cannot be made: ${(error as Error).message}`, 73)
  }
  const free = statfsSync(path)
  if (free.bavail * free.bsize < minFreeBytes) {
    throw new DirectoryError(
      `The disk of ${path} has less than 256 MB free. Make room, or set EDGEWISE_DATA to another disk.`,
      74,
    )
  }
  const lock = new DatabaseSync(join(path, 'lock'))
  const pidFile = join(path, 'pid')
  try {
    lock.exec('PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch {
    lock.close()
    const pid = existsSync(pidFile) ? readFileSync(pidFile, 'utf8').trim() : 'unknown'
    throw new DirectoryError(
      `The data directory ${path} is in use by process ${pid}. Stop it, or set EDGEWISE_DATA to another directory.`,
      75,
    )
  }
  checkFormat(join(path, 'format'))
  writeFileSync(pidFile, `${process.pid}\n`)
  return { path, id: idOf(join(path, 'id')), at: (name) => join(path, name), release: () => lock.close() }
}

/**
 * Holds a data directory to the log that its warehouse is filled from. Rows are known by their places there, so what
 * another log gives the same places would be taken for what is there already.
 */
export function keepToLog(directory: DataDirectory, identity: string): void {
  const found = logOf(directory.path)
  if (found !== undefined && found !== identity) {
    throw new DirectoryError(
      `The data directory ${directory.path} was filled from ${found}, not from ${identity}. Set KAFKA_URL as it was, or EDGEWISE_DATA to a new directory.`,
      78,
    )
  }
  writeFileSync(directory.at('event-log'), `${identity}\n`)
}

/** The identity of the log that a data directory goes with; undefined where it has had none yet. */
export function logOf(path: string): string | undefined {
  const file = join(path, 'event-log')
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  // A directory of before has its own.
  return existsSync(join(path, 'log')) ? embeddedLog : undefined
}

function idOf(file: string): string {
  if (!existsSync(file)) writeFileSync(file, `${randomUUID()}\n`)
  return readFileSync(file, 'utf8').trim()
}

function checkFormat(file: string): void {
  if (!existsSync(file)) {
    writeFileSync(file, `${formatVersion}\n`)
    return
  }
  const found = readFileSync(file, 'utf8').trim()
  if (found !== String(formatVersion)) {
    throw new DirectoryError(
      `The data directory has format ${found}; this version of Edgewise reads format ${formatVersion}. Use the version that wrote it.`,
      78,
    )
  }
}
