import { Command } from 'commander'
import type { Stream } from '#mesh/client/index.ts'
import { type Cli, type CommonFlags, gateway, withGateway } from './command.ts'
import { everyPage } from './pages.ts'
import { table } from './terminal.ts'

export function streams(cli: Cli): Command {
  return withGateway(
    new Command('streams')
      .description('list the streams of the workspace, or show one with its columns and statistics')
      .argument('[name]', 'one stream'),
    `edgewise streams
    edgewise streams requests
    edgewise streams --json`,
  ).action(async (name: string | undefined, flags: CommonFlags) => {
    const client = gateway(flags, cli)
    const { terminal } = cli
    if (name !== undefined) {
      const stream = await client.streams.get(name)
      return terminal.out(flags.json ? `${JSON.stringify(stream, null, 2)}\n` : describe(stream))
    }
    const found = await everyPage((cursor) => client.streams.list({ cursor, limit: 1_000 }))
    const rows = found.map((stream) => [
      stream.name,
      stream.columns.length,
      stream.order_by?.join(', ') ?? '',
      stream.time ?? '',
      stream.id ?? '',
    ])
    return terminal.out(
      flags.json
        ? `${JSON.stringify(found, null, 2)}\n`
        : `${table(['stream', 'columns', 'order by', 'time', 'id'], rows)}\n`,
    )
  })
}

function describe(stream: Stream): string {
  const columns = table(
    ['column', 'type', ''],
    stream.columns.map(({ name, type, pii }) => [name, type, pii === true ? 'personal data' : '']),
  )
  const statistics = Object.entries(stream.statistics ?? {}).map(([name, value]) => `${name} ${value}`)
  return `${columns}\n\n${statistics.join(' · ')}\n`
}
