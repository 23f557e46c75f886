import { readFile } from 'node:fs/promises'
import { text as textOf } from 'node:stream/consumers'
import { Command, Option } from 'commander'
import { type Cli, type CommonFlags, gateway, pair, seconds, withGateway } from './command.ts'
import { CliError, exits } from './exit.ts'
import { followTraining } from './training.ts'
import { printResult, resultFormats, type ResultFormat } from './results.ts'

interface Flags extends CommonFlags {
  readonly param?: Record<string, string>
  readonly format?: ResultFormat
  readonly file?: string
  readonly output?: string
  readonly timezone?: string
  readonly timeout?: string
  readonly detach?: boolean
}

export function sql(cli: Cli): Command {
  return withGateway(
    new Command('sql')
      .description('run SQL over the streams of the workspace')
      .argument('[query]', 'the SQL; `-` or nothing reads it from standard input')
      .option('--file <path>', 'read the SQL from a file')
      .option('--param <name=value>', 'a parameter of the SQL, as often as needed', pair)
      .addOption(new Option('--format <format>', 'how the rows are written').choices(resultFormats))
      .option('--output <path>', 'write to a file')
      .option('--timezone <zone>', 'for bucketing by time, as Europe/Berlin')
      .option('--timeout <duration>', 'how long it may take', '60s')
      .option('--detach', 'do not wait for a training that the SQL begins'),
    `edgewise sql 'SELECT path, count() AS hits FROM requests GROUP BY path ORDER BY hits DESC LIMIT 10'
    edgewise sql 'SELECT * FROM requests WHERE status = {status:UInt16} LIMIT 5' --param status=404 --json
    edgewise sql 'SELECT * FROM requests' --format parquet --output requests.parquet
    edgewise sql < report.sql
    edgewise sql 'CREATE MODEL churn FROM (SELECT * FROM customers) PREDICT churned'`,
  ).action(async (query: string | undefined, flags: Flags) => {
    const timeout = seconds(flags.timeout ?? '60s')
    if (timeout === undefined)
      throw new CliError(`${flags.timeout ?? ''} is not a duration such as 30s.`, { exitCode: exits.usage })
    const client = gateway(flags, cli, { timeoutMs: timeout * 1000 })
    const text = await statement(query, flags.file)
    const options = { signal: cli.terminal.signal, timezone: flags.timezone, timeoutMs: timeout * 1000 }
    let job: unknown
    await printResult(cli.terminal, flags, {
      async result() {
        const result = await client.query(text, flags.param, { ...options, int64: 'string' })
        job = trains.test(text) ? result.data[0]?.['job'] : undefined
        return result
      },
      bytes: async (format) => (await client.query.open(text, flags.param, { ...options, format })).body,
    })
    if (typeof job === 'string' && job !== '' && flags.detach !== true) await followTraining(client, job, cli.terminal)
  })
}

/** Statements that answer with a job, and go on. */
const trains = /^\s*(?:create\s+(?:or\s+replace\s+)?model|retrain)\b/i

async function statement(query: string | undefined, file: string | undefined): Promise<string> {
  if (file !== undefined) return readFile(file, 'utf8')
  if (query !== undefined && query !== '-') return query
  if (process.stdin.isTTY)
    throw new CliError('There is no SQL.', { exitCode: exits.usage, hint: "edgewise sql 'SELECT 1'" })
  return textOf(process.stdin)
}
