import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Command, Option } from 'commander'
import type { AuditFilter } from '#mesh/client/index.ts'
import { verifyFile } from './audit/file.ts'
import { parseLink, verifyGateway, type Verified } from './audit/verify.ts'
import { type Cli, type CommonFlags, gateway, whole, withGateway } from './command.ts'
import { CliError } from './exit.ts'
import { table } from './terminal.ts'

interface FilterFlags extends CommonFlags, Omit<AuditFilter, 'chain'> {
  readonly installation?: boolean
}

export function audit(cli: Cli): Command {
  return new Command('audit')
    .description('who did what, and who was refused what: list it, verify it, export it')
    .addCommand(listing(cli))
    .addCommand(verify(cli))
    .addCommand(exporting(cli))
}

function withFilter(command: Command): Command {
  return withInstallation(command)
    .option('--actor <id>', 'who: key_…, usr_…')
    .option('--action <action>', 'what was done: create_key')
    .option('--resource <resource>', 'to what: query/top_pages')
    .addOption(new Option('--outcome <outcome>', 'what came of it').choices(['done', 'refused']))
    .option('--from <time>', 'from this time on, ISO 8601')
    .option('--to <time>', 'before this time')
}

function withInstallation(command: Command): Command {
  return command.option('--installation', 'of the installation instead of the workspace')
}

function filterOf({ actor, action, resource, outcome, from, to, installation }: FilterFlags): AuditFilter {
  return { actor, action, resource, outcome, from, to, chain: installation === true ? 'installation' : undefined }
}

function listing(cli: Cli): Command {
  return withGateway(
    withFilter(new Command('list').description('the newest entries')).addOption(
      new Option('--limit <count>', 'so many').argParser(whole(1, 1_000)).default(50),
    ),
    `edgewise audit list
    edgewise audit list --outcome refused --actor key_0mf2 --limit 200`,
  ).action(async (flags: FilterFlags & { readonly limit: number }) => {
    const { data } = await gateway(flags, cli).audit.list({ ...filterOf(flags), limit: flags.limit })
    const rows = data.map(({ seq, at, actor, action, resource, outcome, code, detail }) => [
      seq,
      at,
      actor,
      action,
      resource,
      outcome === 'done' ? 'done' : code,
      JSON.stringify(detail),
    ])
    await cli.terminal.out(
      flags.json
        ? `${JSON.stringify(data, null, 2)}\n`
        : `${table(['seq', 'at', 'actor', 'action', 'resource', 'outcome', 'detail'], rows)}\n`,
    )
  })
}

interface VerifyFlags extends CommonFlags {
  readonly file?: string
  readonly head?: string
  readonly installation?: boolean
}

function verify(cli: Cli): Command {
  return withGateway(
    withInstallation(new Command('verify'))
      .description('recompute the chain of hashes, and name the first entry that does not hold')
      .option('--file <path>', 'an export (NDJSON or CSV) instead of the gateway')
      .option('--head <seq:hash>', 'what an earlier verification ended with: so that a cut-off end is found out'),
    `edgewise audit verify
    edgewise audit verify --head 42:9f86d081…
    edgewise audit verify --file audit.ndjson`,
  ).action(async (flags: VerifyFlags) => {
    const remembered = flags.head === undefined ? [] : [parseLink(flags.head)]
    const found =
      flags.file === undefined
        ? await verifyGateway(gateway(flags, cli), { installation: flags.installation ?? false, remembered })
        : await verifyFile(flags.file, remembered)
    if (found.broken !== undefined) {
      const { seq, reason } = found.broken
      throw new CliError(`Entry ${seq} of ${nameOf(found)} ${reason}.`, {
        hint: 'Compare with an earlier export, with the stream _audit, and with the heads in the logs (“audit head”).',
      })
    }
    const { workspace, from, head } = found
    await cli.terminal.out(
      flags.json ? `${JSON.stringify({ holds: true, workspace, from, head }, null, 2)}\n` : `${summaryOf(found)}\n`,
    )
  })
}

function nameOf({ workspace }: Verified): string {
  return workspace === '' ? 'the installation' : workspace
}

function summaryOf(found: Verified): string {
  const { from, head } = found
  if (head.seq === 0) return `${nameOf(found)} has no entries.`
  const pruned = from > 1 ? ` Those before were pruned, and the chain says so.` : ''
  return `Entries ${from} to ${head.seq} of ${nameOf(found)} hold.${pruned}
To find out later that none was cut off, keep: --head ${head.seq}:${head.hash}`
}

function exporting(cli: Cli): Command {
  return withGateway(
    withFilter(new Command('export').description('all entries, oldest first'))
      .addOption(new Option('--format <format>', 'how they are written').choices(['ndjson', 'csv']).default('ndjson'))
      .option('--output <path>', 'write to a file'),
    `edgewise audit export --output audit.ndjson
    edgewise audit export --format csv --from 2026-11-01T00:00:00Z`,
  ).action(async (flags: FilterFlags & { readonly format: 'ndjson' | 'csv'; readonly output?: string }) => {
    const body = await gateway(flags, cli).audit.export({ ...filterOf(flags), format: flags.format })
    if (flags.output !== undefined) return pipeline(body, createWriteStream(flags.output, { mode: 0o600 }))
    for await (const chunk of Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0])) {
      await cli.terminal.out((chunk as Buffer).toString())
    }
  })
}
