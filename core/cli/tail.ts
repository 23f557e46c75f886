import { setTimeout as sleep } from 'node:timers/promises'
import { Command, Option } from 'commander'
import { type Cli, type CommonFlags, gateway, whole, withGateway } from './command.ts'
import { CliError, exits } from './exit.ts'

interface Flags extends CommonFlags {
  readonly last: number
  readonly every: number
  readonly follow: boolean
}

interface Place {
  readonly _partition: number
  readonly _offset: number
}

const maxRows = 1_000

export function tail(cli: Cli): Command {
  return withGateway(
    new Command('tail')
      .description('show the newest rows of a stream as lines of JSON, and those that arrive')
      .argument('<stream>')
      .addOption(
        new Option('-n, --last <n>', 'begin with so many rows that are there').argParser(whole(0, maxRows)).default(10),
      )
      .addOption(new Option('--every <ms>', 'how often to look').argParser(whole(100, 60_000)).default(500))
      .option('--no-follow', 'stop after those'),
    `edgewise tail requests
    edgewise tail requests -n 100 --no-follow
    edgewise tail shop_orders | jq .total`,
  ).action(async (stream: string, flags: Flags) => {
    if (!/^_?[a-z][a-z0-9_]{0,47}$/.test(stream))
      throw new CliError(`${stream} is not the name of a stream.`, { exitCode: exits.usage })
    const { signal, out } = cli.terminal
    const { query } = gateway(flags, cli)
    // Where the log has got to, by partition: every row has its place in it.
    const { data } = await query<Place>(`SELECT _partition, max(_offset) AS _offset FROM ${stream} GROUP BY _partition`)
    const seen = new Map(data.map(({ _partition, _offset }) => [_partition, _offset]))
    if (flags.last > 0) {
      const latest = await query<Place>(
        `SELECT *, _partition, _offset FROM ${stream} WHERE ${upTo(seen)} ORDER BY _offset DESC LIMIT ${flags.last}`,
      )
      for (const row of latest.data.toReversed()) await out(line(row))
    }
    while (flags.follow && !signal.aborted) {
      await sleep(flags.every, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return
      const arrived = await query<Place>(
        `SELECT *, _partition, _offset FROM ${stream} WHERE ${beyond(seen)} ORDER BY _offset LIMIT ${maxRows}`,
      )
      for (const row of arrived.data) {
        seen.set(row._partition, row._offset)
        await out(line(row))
      }
    }
  })
}

function upTo(seen: ReadonlyMap<number, number>): string {
  return (
    [...seen].map(([partition, offset]) => `(_partition = ${partition} AND _offset <= ${offset})`).join(' OR ') ||
    'false'
  )
}

function beyond(seen: ReadonlyMap<number, number>): string {
  if (seen.size === 0) return 'true'
  const known = [...seen].map(([partition, offset]) => `(_partition = ${partition} AND _offset > ${offset})`)
  return `${known.join(' OR ')} OR _partition NOT IN (${[...seen.keys()].join(', ')})`
}

function line({ _partition, _offset, ...row }: Place): string {
  return `${JSON.stringify(row)}\n`
}
