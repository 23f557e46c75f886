import { Command, Option } from 'commander'
import { type Cli, type CommonFlags, gateway, pair, whole, withGateway } from './command.ts'
import { printResult, resultFormats, type ResultFormat } from './results.ts'

interface Flags extends CommonFlags {
  readonly param?: Record<string, string>
  readonly format?: ResultFormat
  readonly output?: string
  readonly timezone?: string
  readonly pin?: number
}

export function call(cli: Cli): Command {
  return withGateway(
    new Command('call')
      .description('call a published query through its endpoint')
      .argument('<name>', 'the query')
      .option('--param <name=value>', 'a parameter, as often as needed', pair)
      .addOption(new Option('--format <format>', 'how the rows are written').choices(resultFormats))
      .option('--output <path>', 'write to a file')
      .option('--timezone <zone>', 'for bucketing by time, as Europe/Berlin')
      .addOption(new Option('--pin <version>', 'this version of the query').argParser(whole(1, 1_000_000_000))),
    `edgewise call requests_per_hour --param prefix=/blog
    edgewise call requests_per_hour --param prefix=/blog --format csv --output hours.csv
    edgewise call requests_per_hour --pin 1 --json`,
  ).action(async (name: string, flags: Flags) => {
    const client = gateway(flags, cli)
    const options = { signal: cli.terminal.signal, timezone: flags.timezone, version: flags.pin }
    await printResult(cli.terminal, flags, {
      result: () => client.call(name, flags.param, { ...options, int64: 'string' }),
      bytes: async (format) => (await client.call.open(name, flags.param, { ...options, format })).body,
    })
  })
}
