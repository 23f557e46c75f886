import { Command } from 'commander'
import { type Cli, type CommonFlags, gateway, pair, withGateway } from './command.ts'

export function rows(cli: Cli): Command {
  return new Command('rows').description('delete rows of a stream').addCommand(deletion(cli))
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
