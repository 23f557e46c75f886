import { Command } from 'commander'
import { type Cli, type CommonFlags, withGateway } from './command.ts'
import { resolveCredentials } from './credentials.ts'
import { checkDirectory } from './doctor/directory.ts'
import { checkEngines } from './doctor/engines.ts'
import { checkGateway } from './doctor/gateway.ts'
import { checkMachine } from './doctor/machine.ts'
import { exits } from './exit.ts'
import { readRunning } from './start/running.ts'

export interface Finding {
  readonly level: 'ok' | 'note' | 'warning' | 'broken'
  readonly what: string
  /** How to mend it. */
  readonly mend?: string
}

const marks = { ok: '✓', note: '·', warning: '!', broken: '✗' } as const

export function doctor(cli: Cli): Command {
  return withGateway(
    new Command('doctor').description('say what is wrong with this installation, and how to mend it'),
    `edgewise doctor
    edgewise doctor --json`,
  ).action(async (flags: CommonFlags) => {
    const data = flags.data ?? cli.env.data
    const running = readRunning(data)
    const findings = [
      ...(await checkMachine(cli.env, running)),
      ...checkDirectory(data, running),
      ...(await checkEngines(cli.env.all, data)),
      ...(await checkGateway(resolveCredentials(flags, cli.env))),
    ]
    const broken = findings.some(({ level }) => level === 'broken')
    const lines = findings.map(
      ({ level, what, mend }) => `${marks[level]} ${what}${mend === undefined ? '' : `\n  → ${mend}`}`,
    )
    await cli.terminal.out(
      flags.json ? `${JSON.stringify({ healthy: !broken, findings }, null, 2)}\n` : `${lines.join('\n')}\n`,
    )
    if (broken) cli.exitWith(exits.failed)
  })
}
