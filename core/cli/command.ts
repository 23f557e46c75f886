import { type Command, Option } from 'commander'
import { type Client, createClient } from '#mesh/client/index.ts'
import { type CredentialFlags, resolveCredentials } from './credentials.ts'
import type { CliEnv } from './env.ts'
import { CliError, exitHelp, exits } from './exit.ts'
import type { Terminal } from './terminal.ts'

/** What every command is given. */
export interface Cli {
  readonly env: CliEnv
  readonly terminal: Terminal
  /** What the process ends with, where that is not 0 and nothing was thrown. */
  exitWith(code: number): void
}

export interface CommonFlags extends CredentialFlags {
  readonly json?: boolean
}

/** The options of every command that speaks to a gateway. */
export function withGateway(command: Command, examples: string): Command {
  return command
    .option('--url <url>', 'the gateway (else EDGEWISE_URL, the profile, http://127.0.0.1:8787)')
    .option('--key <key>', 'the API key (else EDGEWISE_KEY, the profile, the one that `start` kept)')
    .option('--profile <name>', 'credentials of that name in credentials.json of the data directory')
    .addOption(dataOption())
    .option('--json', 'answer in JSON')
    .addHelpText('after', `\nExamples:\n${indent(examples)}\n${exitHelp}`)
}

export function dataOption(): Option {
  return new Option('--data <directory>', 'the data directory (else EDGEWISE_DATA, .edgewise)')
}

export function indent(text: string): string {
  return text
    .trim()
    .split('\n')
    .map((line) => `  ${line.trim()}`)
    .join('\n')
}

export function gateway(
  flags: CredentialFlags,
  { env }: Cli,
  options: { readonly timeoutMs?: number; readonly retries?: number } = {},
): Client & { url: string } {
  const { url, key } = resolveCredentials(flags, env)
  if (key === undefined) {
    throw new CliError(`There is no key for ${url}.`, {
      exitCode: exits.refused,
      hint: 'Give --key, set EDGEWISE_KEY, or run this where `edgewise start` runs (its data directory holds a key).',
    })
  }
  return { ...createClient({ url, key, ...options }), url }
}

/** `name=value`, as often as given. */
export function pair(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new CliError(`${text} is not name=value.`, { exitCode: exits.usage })
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}

export function list(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}

/** A whole number within bounds. */
export function whole(min: number, max: number) {
  return (text: string): number => {
    const value = Number(text)
    if (Number.isInteger(value) && value >= min && value <= max) return value
    throw new CliError(`${text} is not a whole number from ${min} to ${max}.`, { exitCode: exits.usage })
  }
}

/** `60s`, `5m`, `12h`, `30d`, in seconds. */
export function seconds(text: string): number | undefined {
  const match = /^(\d+)\s*(s|m|h|d)?$/.exec(text.trim())
  if (match === null) return undefined
  const unit = { s: 1, m: 60, h: 3_600, d: 86_400 }[match[2] ?? 's'] ?? 1
  return Number(match[1]) * unit
}
