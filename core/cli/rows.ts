import { Command } from 'commander'
import { type Cli, type CommonFlags, gateway, list, pair, withGateway } from './command.ts'
import { CliError, exits } from './exit.ts'

export function rows(cli: Cli): Command {
  return new Command('rows')
    .description('delete rows of a stream, or bring back what its log has')
    .addCommand(deletion(cli))
    .addCommand(replay(cli))
}

interface Flags extends CommonFlags {
  readonly where: string
  readonly param?: Record<string, string>
  readonly dryRun?: boolean
}

/** As long as the core takes over it at most. */
const timeoutMs = 130_000

function deletion(cli: Cli): Command {
  return withGateway(
    new Command('delete')
      .description('delete the rows that a condition holds for')
      .argument('<stream>')
      .requiredOption('--where <condition>', 'what may stand after WHERE')
      .option('--param <name=value>', 'a parameter of the condition, as often as needed', pair)
      .option('--dry-run', 'only count them'),
    `edgewise rows delete requests --where 'status = 500' --dry-run
    edgewise rows delete requests --where 'customer = {customer:String}' --param customer=c17`,
  ).action(async (stream: string, { where, param, dryRun, ...flags }: Flags) => {
    const options = { dryRun, timeoutMs, signal: cli.terminal.signal }
    const answer = await gateway(flags, cli).streams.deleteRows(stream, where, param, options)
    const said = `${answer.deleted} rows ${dryRun === true ? 'match' : 'deleted'}.`
    await cli.terminal.out(flags.json ? `${JSON.stringify(answer)}\n` : `${said}\n`)
  })
}

interface ReplayFlags extends CommonFlags {
  readonly time?: string
  readonly offset?: readonly string[]
}

function replay(cli: Cli): Command {
  return withGateway(
    new Command('replay')
      .description('read the log of a stream again, and bring back the rows that its table lacks')
      .argument('<stream>')
      .option('--time <time>', 'what came from then on, such as 2026-10-11T10:00:00Z (else as early as can be)')
      .option('--offset <partition:offset>', 'from there on, as often as needed', list),
    `edgewise rows replay requests
    edgewise rows replay requests --time 2026-10-11T10:00:00Z
    edgewise rows replay requests --offset 0:1200 --offset 1:0`,
  ).action(async (stream: string, { time, offset, ...flags }: ReplayFlags) => {
    const from = { ...(time !== undefined && { time }), ...(offset && { offsets: offset.map(placeOf) }) }
    const options = { timeoutMs, signal: cli.terminal.signal }
    const answer = await gateway(flags, cli).streams.replay(stream, from, options)
    const said = answer.partitions.map(
      ({ partition, from: first, to }) => `partition ${partition}: ${first} to ${to - 1}`,
    )
    said.push(answer.queryable ? 'All of it has been read.' : 'It is being read: `edgewise streams` shows the lag.')
    await cli.terminal.out(flags.json ? `${JSON.stringify(answer)}\n` : `${said.join('\n')}\n`)
  })
}

function placeOf(text: string): { readonly partition: number; readonly offset: number } {
  const [, partition, offset] = /^(\d{1,5}):(\d{1,15})$/.exec(text) ?? []
  if (partition === undefined) throw new CliError(`${text} is not partition:offset.`, { exitCode: exits.usage })
  return { partition: Number(partition), offset: Number(offset) }
}
