import { closeSync, copyFileSync, existsSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs'

const maxLogBytes = 64 << 20
const lookEveryMs = 250
const maxLineCharacters = 2_000

export interface LogFile {
  readonly path: string
  /** For the child's stdout and stderr: the child writes by itself, so it loses nothing when this process is gone. */
  readonly fd: number
  /** The last lines since this start. */
  last(lines: number): string
  /** Every line from now on. */
  follow(line: (text: string) => void): void
  close(): void
}

/** A log that a child appends to. At its bound it becomes `….1`, in place of the one before. */
export function openLog(path: string): LogFile {
  if (existsSync(path)) {
    const old = openSync(path, 'r')
    const { size } = fstatSync(old)
    closeSync(old)
    if (size > maxLogBytes) rotate(path)
  }
  const fd = openSync(path, 'a+', 0o600)
  const began = fstatSync(fd).size
  let at = began
  let rest = ''
  let listener: ((text: string) => void) | undefined

  function look(): void {
    const { size } = fstatSync(fd)
    if (size < at) at = 0
    while (at < size) {
      const chunk = Buffer.alloc(Math.min(size - at, 1 << 20))
      const read = readSync(fd, chunk, 0, chunk.length, at)
      if (read === 0) break
      at += read
      const lines = (rest + chunk.toString('utf8', 0, read)).split('\n')
      rest = (lines.pop() ?? '').slice(0, maxLineCharacters)
      for (const line of lines) listener?.(line.slice(0, maxLineCharacters))
    }
    if (size > maxLogBytes) {
      rotate(path)
      at = 0
    }
  }
  const timer = setInterval(look, lookEveryMs)
  timer.unref()

  return {
    path,
    fd,
    last(lines) {
      const { size } = fstatSync(fd)
      const from = Math.max(Math.min(began, size), size - 64 * 1024)
      const chunk = Buffer.alloc(size - from)
      readSync(fd, chunk, 0, chunk.length, from)
      return chunk.toString().trim().split('\n').slice(-lines).join('\n')
    },
    follow: (line) => void (listener = line),
    close() {
      clearInterval(timer)
      look()
      closeSync(fd)
    },
  }
}

/** The writer holds the file open, in append mode: so it is emptied, not moved. */
function rotate(path: string): void {
  copyFileSync(path, `${path}.1`)
  const fd = openSync(path, 'r+')
  ftruncateSync(fd)
  closeSync(fd)
}

const warn = 40

/** A line of the core's JSON log for a person's eyes, if it is a warning or worse; other lines as they are. */
export function warningOf(line: string): string | undefined {
  if (!line.startsWith('{')) return line.trim() === '' ? undefined : line
  try {
    const { level, msg, err, error, domain, engine } = JSON.parse(line) as Record<string, unknown>
    const severe = typeof level === 'number' ? level >= warn : level === 'error' || level === 'warn'
    if (!severe) return undefined
    const cause = typeof err === 'object' && err !== null && 'message' in err ? String(err.message) : error
    const where = domain ?? engine
    return [
      typeof where === 'string' ? `${where}: ` : '',
      String(msg),
      typeof cause === 'string' ? ` (${cause})` : '',
    ].join('')
  } catch {
    return line
  }
}
