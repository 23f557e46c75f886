import { Command } from 'commander'
import { scopes as all } from '#mesh/scopes.ts'
import { type Cli, indent } from './command.ts'
import { table } from './terminal.ts'

export function scopes({ terminal }: Cli): Command {
  return new Command('scopes')
    .description('list what a key may be allowed to do')
    .option('--json', 'answer in JSON')
    .addHelpText(
      'after',
      `\nExamples:\n${indent('edgewise scopes\nedgewise keys create --name shop --scope events:write:orders --scope endpoints:read')}`,
    )
    .action(async ({ json }: { json?: boolean }) => {
      await terminal.out(
        json ? `${JSON.stringify(all, null, 2)}\n` : `${table(['scope', 'allows to'], Object.entries(all))}\n`,
      )
    })
}
