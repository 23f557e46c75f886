import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { connectWeb } from '#mesh/rpc/web.ts'
import { scopes } from '#mesh/scopes.ts'
import { IdentityService } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { type Cli, type CommonFlags, dataOption, gateway, list, pair, seconds, withGateway } from './command.ts'
import { credentialsPath, saveCredentials } from './credentials.ts'
import { CliError, exits } from './exit.ts'
import { everyPage } from './pages.ts'
import { readRunning } from './start/running.ts'
import { table } from './terminal.ts'

interface CreateFlags extends CommonFlags {
  readonly name: string
  readonly scope: readonly string[]
  readonly param?: Record<string, string>
  readonly filter?: Record<string, string>
  readonly expires?: string
  readonly plan?: { readonly requests: number; readonly window_s: number }
}

export function keys(cli: Cli): Command {
  return new Command('keys')
    .description('make, list and revoke API keys; recover the administrator’s')
    .addCommand(create(cli))
    .addCommand(listing(cli))
    .addCommand(revoke(cli))
    .addCommand(recover(cli))
}

function create(cli: Cli): Command {
  return withGateway(
    new Command('create')
      .description('make a key; its text is shown this once')
      .requiredOption('--name <name>', 'what people call it')
      .addOption(
        new Option('--scope <scope>', 'what it may do, as often as needed (see `edgewise scopes`)')
          .argParser(list)
          .makeOptionMandatory(),
      )
      .option('--param <name=value>', 'an endpoint parameter bound for it', pair)
      .option('--filter <stream.column=value,…>', 'which rows of a stream exist for it', pair)
      .option('--expires <duration>', 'when it ends by itself: 12h, 30d')
      .addOption(new Option('--plan <requests/window>', 'how much it may ask: 100/60s').argParser(plan)),
    `edgewise keys create --name shop --scope events:write:orders
    edgewise keys create --name acme --scope endpoints:read --filter orders.customer=acme --expires 30d
    edgewise keys create --name board --scope endpoints:read:top_pages --plan 100/60s --json`,
  ).action(async (flags: CreateFlags) => {
    const lifetime = flags.expires === undefined ? undefined : seconds(flags.expires)
    if (flags.expires !== undefined && lifetime === undefined) {
      throw new CliError(`${flags.expires} is not a duration such as 12h or 30d.`, { exitCode: exits.usage })
    }
    const made = await gateway(flags, cli).keys.create({
      name: flags.name,
      scopes: flags.scope,
      ...(flags.param && { params: flags.param }),
      ...(flags.filter && { filters: filtersOf(flags.filter) }),
      ...(flags.plan && { plan: flags.plan }),
      ...(lifetime !== undefined && { expires_at: new Date(Date.now() + lifetime * 1000).toISOString() }),
    })
    cli.terminal.note(`${made.id} may: ${made.scopes.join(', ')}. This is shown once; only a hash of it is kept:`)
    await cli.terminal.out(flags.json ? `${JSON.stringify(made, null, 2)}\n` : `${made.key}\n`)
  })
}

function filtersOf(given: Readonly<Record<string, string>>): Record<string, Record<string, string[]>> {
  const filters = Object.entries(given).map(([place, values]) => {
    const at = place.indexOf('.')
    if (at < 1) throw new CliError(`${place} is not stream.column.`, { exitCode: exits.usage })
    return [place.slice(0, at), { [place.slice(at + 1)]: values.split(',') }] as const
  })
  return Object.fromEntries(filters)
}

function plan(text: string): { requests: number; window_s: number } {
  const match = /^(\d+)\/(\w+)$/.exec(text)
  const window = seconds(match?.[2] ?? '')
  if (match === null || window === undefined)
    throw new CliError(`${text} is not a plan such as 100/60s.`, { exitCode: exits.usage })
  return { requests: Number(match[1]), window_s: window }
}

function listing(cli: Cli): Command {
  return withGateway(
    new Command('list').description('list the keys of the workspace, newest first'),
    'edgewise keys list',
  ).action(async (flags: CommonFlags) => {
    const client = gateway(flags, cli)
    const found = await everyPage((cursor) => client.keys.list({ cursor, limit: 1_000 }))
    const state = (key: (typeof found)[number]): string =>
      key.revoked_at !== undefined
        ? 'revoked'
        : key.expires_at !== undefined && Date.parse(key.expires_at) < Date.now()
          ? 'expired'
          : 'valid'
    const rows = found.map((key) => [
      key.id,
      key.name,
      key.prefix,
      state(key),
      key.expires_at ?? 'never',
      scopesText(key.scopes),
    ])
    await cli.terminal.out(
      flags.json
        ? `${JSON.stringify(found, null, 2)}\n`
        : `${table(['id', 'name', 'prefix', 'state', 'expires', 'scopes'], rows)}\n`,
    )
  })
}

function scopesText(held: readonly string[]): string {
  return held.length === Object.keys(scopes).length ? 'all' : held.join(' ')
}

function revoke(cli: Cli): Command {
  return withGateway(
    new Command('revoke')
      .description('end a key for good; every edge refuses it within five seconds')
      .argument('<id>', 'key_…'),
    'edgewise keys revoke key_2b9Yx…',
  ).action(async (id: string, flags: CommonFlags) => {
    const key = await gateway(flags, cli).keys.revoke(id)
    await cli.terminal.out(flags.json ? `${JSON.stringify(key, null, 2)}\n` : `${key.id} (${key.name}) is revoked.\n`)
  })
}

/** For whoever can read the data directory, on the machine where Edgewise runs: the proof is the operator's token in it. */
function recover(cli: Cli): Command {
  return new Command('recover')
    .description('make another administrator’s key, on the machine where Edgewise runs')
    .addOption(dataOption())
    .option('--core <url>', 'where the role identity answers HTTP, if not `edgewise start` runs it')
    .option('--json', 'answer in JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  edgewise keys recover\n  edgewise keys recover --data /var/lib/identity --core http://127.0.0.1:8788',
    )
    .action(async (flags: { readonly data?: string; readonly core?: string; readonly json?: boolean }) => {
      const data = flags.data ?? cli.env.data
      const running = readRunning(data)
      const url = flags.core ?? running?.coreHttp
      if (url === undefined) {
        throw new CliError(`Edgewise does not run on ${data}.`, {
          exitCode: exits.unreachable,
          hint: 'Start it (`edgewise start`), then try again from the same directory.',
        })
      }
      const identity = connectWeb(IdentityService, {
        url,
        headers: { authorization: `Bearer ${operatorToken(data)}` },
      })
      const { text, key } = await identity.recoverKey({})
      if (running !== undefined) saveCredentials(credentialsPath(data), { url: running.url, key: text })
      const kept = running === undefined ? '' : `Kept in ${credentialsPath(data)}. `
      cli.terminal.note(`${kept}The earlier keys go on; \`edgewise keys revoke\` ends them. Shown this once:`)
      await cli.terminal.out(flags.json ? `${JSON.stringify({ id: key?.id, key: text })}\n` : `${text}\n`)
    })
}

function operatorToken(data: string): string {
  try {
    return readFileSync(join(data, 'operator.token'), 'utf8').trim()
  } catch (error) {
    throw new CliError(`The operator's token cannot be read: ${(error as Error).message}`, {
      exitCode: exits.refused,
      hint: 'Run this as the user that runs Edgewise.',
    })
  }
}
