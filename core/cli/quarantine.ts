import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { type Cli, type CommonFlags, gateway, list, whole, withGateway } from './command.ts'
import { CliError, exits } from './exit.ts'
import { everyPage } from './pages.ts'
import { table } from './terminal.ts'

export function quarantine(cli: Cli): Command {
  return new Command('quarantine')
    .description('see, mend and give up rows that were refused')
    .addCommand(listing(cli))
    .addCommand(replay(cli))
    .addCommand(discard(cli))
}

function listing(cli: Cli): Command {
  return withGateway(
    new Command('list')
      .description('list the refused rows of a stream, oldest first')
      .argument('<stream>')
      .addOption(new Option('--limit <n>', 'at most so many').argParser(whole(1, 1_000)).default(100)),
    `edgewise quarantine list requests
    edgewise quarantine list requests --json > refused.json`,
  ).action(async (stream: string, flags: CommonFlags & { readonly limit: number }) => {
    const page = await gateway(flags, cli).quarantine.list(stream, { limit: flags.limit })
    const rows = page.data.map(({ id, time, column, reason, text }) => [id, time, column ?? '', reason, text])
    await cli.terminal.out(
      flags.json
        ? `${JSON.stringify(page.data, null, 2)}\n`
        : `${table(['id', 'time', 'column', 'reason', 'text'], rows)}\n`,
    )
    if (page.next_cursor !== null) cli.terminal.note('There are more: --limit shows up to 1,000 at a time.')
  })
}

interface ReplayFlags extends CommonFlags {
  readonly id?: string
  readonly row?: string
  readonly file?: string
  readonly all?: boolean
}

function replay(cli: Cli): Command {
  return withGateway(
    new Command('replay')
      .description('send refused rows again: mended, or as they came')
      .argument('<stream>')
      .option('--id <id>', 'this row')
      .option('--row <json>', 'what to send in its place')
      .option('--file <path>', 'lines of {"id": …, "row": {…}} (without row: as it came)')
      .option('--all', 'all that wait, as they came'),
    `edgewise quarantine replay requests --id 0-17 --row '{"status": 200, "path": "/"}'
    edgewise quarantine replay requests --file mended.ndjson
    edgewise quarantine replay requests --all`,
  ).action(async (stream: string, flags: ReplayFlags) => {
    const client = gateway(flags, cli)
    const rows =
      flags.all === true
        ? (await everyPage((cursor) => client.quarantine.list(stream, { cursor, limit: 1_000 }))).map(({ id }) => ({
            id,
          }))
        : chosen(flags)
    let accepted = 0
    const refused: { id: string; reason: string }[] = []
    for (let at = 0; at < rows.length; at += maxRows) {
      const some = rows.slice(at, at + maxRows)
      const answer = await client.quarantine.replay(stream, some)
      accepted += answer.accepted
      refused.push(...answer.errors.map(({ row, reason }) => ({ id: some[row]?.id ?? String(row), reason })))
    }
    const text = [
      `${accepted} rows accepted.`,
      ...refused.map(({ id, reason }) => `${id} is still refused: ${reason}`),
    ].join('\n')
    await cli.terminal.out(flags.json ? `${JSON.stringify({ accepted, refused })}\n` : `${text}\n`)
    if (refused.length > 0) cli.exitWith(exits.partial)
  })
}

const maxRows = 1_000

interface Mend {
  readonly id: string
  readonly text?: string
}

function chosen({ id, row, file }: ReplayFlags): readonly Mend[] {
  if (id !== undefined) return [{ id, ...(row !== undefined && { text: row }) }]
  if (file === undefined)
    throw new CliError('Which rows?', { exitCode: exits.usage, hint: 'Give --id (and --row), --file or --all.' })
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line, at) => mendOf(line, `${file}:${at + 1}`))
}

function mendOf(line: string, place: string): Mend {
  try {
    const { id, row, text } = JSON.parse(line) as { id?: unknown; row?: object; text?: string }
    if (typeof id !== 'string') throw new Error('it has no id')
    return { id, ...(row === undefined ? text !== undefined && { text } : { text: JSON.stringify(row) }) }
  } catch (error) {
    throw new CliError(`${place} is not {"id": …, "row": {…}}: ${(error as Error).message}`, { exitCode: exits.usage })
  }
}

function discard(cli: Cli): Command {
  return withGateway(
    new Command('discard')
      .description('give refused rows up')
      .argument('<stream>')
      .option('--id <id>', 'this row, as often as needed', list)
      .option('--all', 'all that wait now'),
    `edgewise quarantine discard requests --id 0-17 --id 0-18
    edgewise quarantine discard requests --all`,
  ).action(async (stream: string, flags: CommonFlags & { readonly id?: readonly string[]; readonly all?: boolean }) => {
    if ((flags.id === undefined) === (flags.all === undefined)) {
      throw new CliError('Which rows?', { exitCode: exits.usage, hint: 'Give either --id or --all.' })
    }
    const { discarded } = await gateway(flags, cli).quarantine.discard(
      stream,
      flags.id === undefined ? { all: true } : { ids: flags.id },
    )
    await cli.terminal.out(flags.json ? `${JSON.stringify({ discarded })}\n` : `${discarded} rows discarded.\n`)
  })
}
