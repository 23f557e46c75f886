import { Command, CommanderError } from 'commander'
import { api } from './api.ts'
import { audit } from './audit.ts'
import { call } from './call.ts'
import type { Cli } from './command.ts'
import { demo } from './demo.ts'
import { doctor } from './doctor.ts'
import { parseCliEnv } from './env.ts'
import { describeError, errorJson, exitCodeOf, exitHelp, exits } from './exit.ts'
import { keys } from './keys.ts'
import { load } from './load.ts'
import { publish } from './publish.ts'
import { quarantine } from './quarantine.ts'
import { version } from './root.ts'
import { rows } from './rows.ts'
import { scopes } from './scopes.ts'
import { secrets } from './secrets.ts'
import { sql } from './sql.ts'
import { start } from './start.ts'
import { streams } from './streams.ts'
import { tail } from './tail.ts'
import { openTerminal } from './terminal.ts'

const commands = [
  start,
  load,
  sql,
  publish,
  call,
  tail,
  streams,
  rows,
  quarantine,
  keys,
  audit,
  api,
  secrets,
  demo,
  doctor,
  scopes,
]

/** Runs one command line; answers the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const terminal = openTerminal()
  let code: number = exits.ok
  try {
    const cli: Cli = { env: parseCliEnv(), terminal, exitWith: (other) => (code = other) }
    const program = new Command('edgewise')
      .description('Events in, SQL endpoints out: runs a gateway, and speaks to one.')
      .version(version())
      .showSuggestionAfterError()
      .exitOverride()
      .addHelpText('after', exitHelp)
    for (const make of commands) program.addCommand(inherit(make(cli)))
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    // Commander has said what is wrong by then; help and version are no failure.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exits.ok : exits.usage
    terminal.note(args.includes('--json') ? JSON.stringify(errorJson(error)) : `edgewise: ${describeError(error)}`)
    return terminal.signal.aborted ? exits.interrupted : exitCodeOf(error)
  }
}

/** Commander does not hand these on to commands that were made apart. */
function inherit(command: Command): Command {
  command.exitOverride().showSuggestionAfterError()
  for (const inner of command.commands) inherit(inner)
  return command
}

process.exitCode = await main(process.argv.slice(2))
// Kept-alive connections would hold the process for seconds; stdout may still have something to write.
process.stdout.write('', () => process.exit())
