import { join } from 'node:path'
import { Command } from 'commander'
import { MasterKeyError, rotateMasterKey } from '../master-key.ts'
import { parseMasterKey } from '../seal.ts'
import { DirectoryError, openDataDirectory } from '../storage/directory.ts'
import { type Cli, dataOption, indent } from './command.ts'
import { CliError, exits } from './exit.ts'

export function secrets(cli: Cli): Command {
  return new Command('secrets')
    .description('the master key that secrets at rest are sealed with')
    .addCommand(rotate(cli))
}

/** Works on the data directory itself, so it wants Edgewise stopped: the next start wraps every secret anew. */
function rotate(cli: Cli): Command {
  return new Command('rotate')
    .description('put a new master key in the place of the one in the data directory, while Edgewise is stopped')
    .addOption(dataOption())
    .option('--new-key <base64>', '32 bytes; else random ones')
    .option('--json', 'answer in JSON')
    .addHelpText(
      'after',
      `\nExamples:\n${indent('edgewise secrets rotate\nedgewise secrets rotate --data /var/lib/edgewise')}

A master key from EDGEWISE_MASTER_KEY or EDGEWISE_MASTER_KEY_FILE is rotated there: set it to the new key, set
EDGEWISE_MASTER_KEY_PREVIOUS to the old one, and restart.`,
    )
    .action(async (flags: { readonly data?: string; readonly newKey?: string; readonly json?: boolean }) => {
      if (['EDGEWISE_MASTER_KEY', 'EDGEWISE_MASTER_KEY_FILE'].some((name) => cli.env.all[name])) {
        throw new CliError('The master key is not the one in the data directory.', {
          exitCode: exits.usage,
          hint: 'Set EDGEWISE_MASTER_KEY to the new key, EDGEWISE_MASTER_KEY_PREVIOUS to the old one, and restart.',
        })
      }
      const next = flags.newKey === undefined ? undefined : parseMasterKey(flags.newKey)
      if (flags.newKey !== undefined && next === undefined) {
        throw new CliError('--new-key must be 32 bytes in base64, as `openssl rand -base64 32` makes them.', {
          exitCode: exits.usage,
        })
      }
      const path = join(flags.data ?? cli.env.data, 'master.key')
      alone(flags.data ?? cli.env.data, () => rotateMasterKey(path, next))
      const said =
        'The next start wraps every secret with the new master key; the old one is forgotten at the start after.'
      await cli.terminal.out(flags.json ? `${JSON.stringify({ rotated: path })}\n` : `${path} is new.\n${said}\n`)
    })
}

function alone(data: string, work: () => void): void {
  try {
    const directory = openDataDirectory(data)
    try {
      work()
    } finally {
      directory.release()
    }
  } catch (error) {
    if (error instanceof DirectoryError) throw new CliError(error.message, { exitCode: error.exitCode })
    if (error instanceof MasterKeyError) throw new CliError(error.message)
    throw error
  }
}
