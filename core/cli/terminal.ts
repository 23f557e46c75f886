import { once } from 'node:events'
import { styleText } from 'node:util'

/** Where a command speaks: results on stdout, everything else on stderr. */
export interface Terminal {
  /** Results. Waits when the reader is slow. */
  out(text: string | Uint8Array): Promise<void>
  /** Progress and remarks. */
  note(text: string): void
  /** stderr is a terminal: bars and colours make sense. */
  readonly interactive: boolean
  readonly bold: (text: string) => string
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal
}

export function openTerminal(): Terminal {
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort())
  // `edgewise sql … | head`: whoever reads has enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  const interactive = process.stderr.isTTY
  return {
    async out(text) {
      if (!process.stdout.write(text)) await once(process.stdout, 'drain')
    },
    note: (text) => void process.stderr.write(`${text}\n`),
    interactive,
    bold: (text) => (interactive ? styleText('bold', text, { validateStream: false }) : text),
    signal: interrupted.signal,
  }
}

/** Rows as a table for people. */
export function table(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cells = rows.map((row) => row.map(cell))
  const widths = columns.map((column, at) =>
    Math.min(maxWidth, Math.max(column.length, ...cells.map((row) => row[at]?.length ?? 0))),
  )
  const line = (row: readonly string[]): string =>
    row
      .map((text, at) => clip(text, widths[at] ?? 0))
      .join('  ')
      .trimEnd()
  return [line(columns), line(widths.map((width) => '─'.repeat(width))), ...cells.map(line)].join('\n')
}

const maxWidth = 60

function cell(value: unknown): string {
  if (value === null || value === undefined) return '∅'
  // Control characters of data must not steer the terminal.
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.replace(/\p{Cc}/gu, '�')
}

function clip(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width)
}
