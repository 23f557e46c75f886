import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CliError, exits } from './exit.ts'
import type { CliEnv } from './env.ts'

export interface Credentials {
  readonly url: string
  readonly key?: string | undefined
}

interface CredentialsFile {
  readonly profiles: Readonly<Record<string, Credentials>>
}

export interface CredentialFlags {
  readonly url?: string | undefined
  readonly key?: string | undefined
  readonly profile?: string | undefined
  readonly data?: string | undefined
}

export const defaultUrl = 'http://127.0.0.1:8787'

export function credentialsPath(data: string): string {
  return join(data, 'credentials.json')
}

/**
 * Which gateway, and as whom: the flags, then the environment, then the profile, then what `start` wrote down. A key from
 * the file goes only to the gateway that it was written down with.
 */
export function resolveCredentials(flags: CredentialFlags, env: CliEnv): Credentials {
  const path = credentialsPath(flags.data ?? env.data)
  const file = readCredentials(path)
  const profile = flags.profile ?? env.profile
  const kept = file.profiles[profile ?? 'default']
  if (profile !== undefined && kept === undefined) {
    const known = Object.keys(file.profiles)
    throw new CliError(`There is no profile ${profile} in ${path}.`, {
      exitCode: exits.usage,
      hint: known.length === 0 ? 'The file has no profiles yet.' : `It has: ${known.join(', ')}.`,
    })
  }
  // A profile that was asked for by flag is meant more than what the environment happens to hold.
  const { url, key } = flags.profile === undefined ? env : { url: undefined, key: undefined }
  const to = flags.url ?? url ?? kept?.url ?? defaultUrl
  if (!/^https?:$/.test(URL.parse(to)?.protocol ?? '')) {
    throw new CliError(`${to} is not an http(s) URL.`, { exitCode: exits.usage })
  }
  const ours = kept !== undefined && sameOrigin(to, kept.url) ? kept.key : undefined
  return { url: to, key: flags.key ?? key ?? ours }
}

function sameOrigin(one: string, other: string): boolean {
  return URL.parse(one)?.origin === URL.parse(other)?.origin
}

export function readCredentials(path: string): CredentialsFile {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { profiles: {} }
    throw new CliError(`${path} cannot be read: ${(error as Error).message}`)
  }
  try {
    const { profiles } = JSON.parse(text) as Partial<CredentialsFile>
    return { profiles: profiles ?? {} }
  } catch {
    throw new CliError(`${path} is not JSON.`, { hint: 'Mend it, or remove it and run `edgewise keys recover`.' })
  }
}

/** Whole or not at all, and never readable for others. */
export function saveCredentials(path: string, credentials: Credentials, profile = 'default'): void {
  const { profiles } = readCredentials(path)
  const next = { profiles: { ...profiles, [profile]: { ...profiles[profile], ...credentials } } }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, `${JSON.stringify(next, null, 2)}\n`, { mode: 0o600 })
  chmodSync(draft, 0o600)
  renameSync(draft, path)
}
