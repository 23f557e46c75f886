import cliProgress from 'cli-progress'
import { Command, Option } from 'commander'
import { EdgewiseError } from '#mesh/client/index.ts'
import { type Cli, type CommonFlags, gateway, whole, withGateway } from './command.ts'
import { CliError, exits } from './exit.ts'
import type { LoadFormat } from './load/batches.ts'
import { openFile, type SourceFile } from './load/file.ts'
import { type Loaded, sendFile } from './load/send.ts'
import type { Terminal } from './terminal.ts'

interface Flags extends CommonFlags {
  readonly format?: LoadFormat
  readonly wait: boolean
  readonly strict?: boolean
  readonly parallel: number
}

const resumable = 'Run the same command again: it goes on where it was.'
const requestTimeoutMs = 120_000
/** A batch is known by its key, so it is sent again for as long as it may take: a core that restarts is waited for. */
const retries = 40

export function load(cli: Cli): Command {
  return withGateway(
    new Command('load')
      .description('send files of events: NDJSON, JSON or CSV, plain or gzip')
      .argument('<stream>', 'the stream; it is created, with a schema inferred, if the key may')
      .argument('<file...>', 'the files')
      .addOption(
        new Option('--format <format>', 'what the files hold (else by their extension)').choices([
          'ndjson',
          'json',
          'csv',
        ]),
      )
      .option('--no-wait', 'do not wait until the rows can be queried; being durable is enough')
      .option('--strict', 'refuse a batch as a whole if one of its rows is bad')
      .addOption(new Option('--parallel <n>', 'batches under way at a time').argParser(whole(1, 16)).default(4)),
    `edgewise load requests access-log.ndjson
    edgewise load orders 2026-*.csv.gz
    edgewise load requests access-log.ndjson --json

    Loading a file again adds nothing, and after an interruption it goes on where it was: a batch is
    known by the digest of the file and its place in it, for 24 hours.`,
  ).action(async (stream: string, paths: readonly string[], flags: Flags) => {
    const { terminal } = cli
    const client = gateway(flags, cli, { timeoutMs: requestTimeoutMs, retries })
    const files = await Promise.all(paths.map((path) => openFile(path, flags.format)))
    const began = performance.now()
    const loaded: (Loaded & { readonly file: string })[] = []
    for (const file of files) {
      const bar = progressBar(file, terminal, flags.json ?? false)
      try {
        const { wait, strict = false, parallel } = flags
        loaded.push({
          file: file.path,
          ...(await sendFile(client, file, {
            stream,
            wait,
            strict,
            parallel,
            signal: terminal.signal,
            progress: bar.progress,
          })),
        })
      } catch (error) {
        if (!terminal.signal.aborted) {
          if (error instanceof EdgewiseError && error.retryable) terminal.note(resumable)
          throw error
        }
        throw new CliError('Interrupted.', { exitCode: exits.interrupted, hint: resumable })
      } finally {
        bar.stop()
      }
    }
    const elapsedSeconds = (performance.now() - began) / 1000
    const quarantined = loaded.reduce((sum, one) => sum + one.quarantined, 0)
    await terminal.out(
      flags.json
        ? `${JSON.stringify({ stream, files: loaded, elapsed_s: elapsedSeconds })}\n`
        : report(stream, loaded, elapsedSeconds),
    )
    if (quarantined > 0) cli.exitWith(exits.partial)
  })
}

function report(
  stream: string,
  loaded: readonly (Loaded & { readonly file: string })[],
  elapsedSeconds: number,
): string {
  const lines = loaded.flatMap(({ file, accepted, quarantined, repeated, errors }) => [
    `${file}: ${accepted} rows accepted${repeated > 0 ? `, ${repeated} were there already` : ''}${quarantined > 0 ? `, ${quarantined} quarantined` : ''}`,
    ...errors.map(
      ({ row, column, reason }) => `  row ${row + 1}${column === undefined ? '' : `, ${column}`}: ${reason}`,
    ),
  ])
  const rows = loaded.reduce((sum, one) => sum + one.rows, 0)
  const quarantined = loaded.some((one) => one.quarantined > 0)
  lines.push(`${rows} rows in ${elapsedSeconds.toFixed(1)} s (${Math.round(rows / elapsedSeconds)} rows/s)`)
  if (quarantined) lines.push(`→ edgewise quarantine list ${stream}`)
  return `${lines.join('\n')}\n`
}

function progressBar(file: SourceFile, terminal: Terminal, quiet: boolean) {
  if (!terminal.interactive || quiet) return { progress: () => undefined, stop: () => undefined }
  const began = performance.now()
  let rows = 0
  let quarantined = 0
  const bar = new cliProgress.SingleBar({
    format: `${file.path} {bar} {percentage}% · {rows} rows · {rate} rows/s · {quarantined} quarantined`,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  })
  bar.start(Math.max(1, file.bytes), 0, { rows: 0, rate: 0, quarantined: 0 })
  return {
    progress(so: { readonly bytes?: number; readonly rows?: number; readonly quarantined?: number }): void {
      rows += so.rows ?? 0
      quarantined += so.quarantined ?? 0
      const rate = Math.round(rows / ((performance.now() - began) / 1000))
      bar.increment(so.bytes ?? 0, { rows, rate, quarantined })
    },
    stop: () => bar.stop(),
  }
}
