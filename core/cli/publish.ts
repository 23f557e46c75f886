import { watch } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { type Cli, type CommonFlags, gateway, withGateway } from './command.ts'
import { CliError, describeError, exits } from './exit.ts'
import { type Published, publishFile } from './publish/send.ts'

interface Flags extends CommonFlags {
  readonly dryRun?: boolean
  readonly watch?: boolean
}

const settleMs = 50

export function publish(cli: Cli): Command {
  return withGateway(
    new Command('publish')
      .description('publish .sql files as endpoints')
      .argument('<path...>', '.sql files, or folders of them')
      .option('--dry-run', 'check, and say what would change; change nothing')
      .option('--watch', 'publish again whenever a file is saved'),
    `edgewise publish queries/
    edgewise publish queries/requests_per_hour.sql --dry-run
    edgewise publish queries/ --watch

    A file is plain SQL with {name:Type} parameters. Its leading comment lines say the rest:

    -- name: requests_per_hour                       else the name of the file
    -- description: Requests and errors per hour     goes on in lines indented by three blanks
    -- cache: ttl 60s, swr 300s, sie 1h              fresh, then stale while revalidated, then if the core fails
    -- limit: 100 per 60s, cost 2                    for each caller
    -- param prefix: required, description What the path begins with
    -- param status: default 200, one of 200 | 404 | 500`,
  ).action(async (paths: readonly string[], flags: Flags) => {
    const { terminal } = cli
    const client = gateway(flags, cli)
    const files = (await Promise.all(paths.map(filesOf))).flat()
    if (files.length === 0)
      throw new CliError(`There is no .sql file in ${paths.join(', ')}.`, { exitCode: exits.usage })
    const one = async (file: string): Promise<void> => {
      const done = await publishFile(client, file, flags.dryRun ?? false)
      await terminal.out(flags.json ? `${JSON.stringify(done)}\n` : `${sentence(done, flags.dryRun ?? false)}\n`)
    }
    const failures: unknown[] = []
    for (const file of files) {
      await one(file).catch((error: unknown) => {
        failures.push(error)
        terminal.note(describeError(error))
      })
    }
    if (flags.watch === true) {
      terminal.note(`Watching ${paths.join(', ')}. Ctrl-C ends it.`)
      return watching(paths, terminal.signal, (file) =>
        one(file).catch((error: unknown) => terminal.note(describeError(error))),
      )
    }
    const [first] = failures
    if (first !== undefined) {
      // It was told above; what is left to say is how it ended.
      if (failures.length < files.length) return cli.exitWith(exits.partial)
      throw files.length === 1
        ? new CliError('Not published.')
        : new CliError(`None of ${files.length} files was published.`)
    }
  })
}

function sentence({ file, name, version, url, status, differs }: Published, dryRun: boolean): string {
  if (status === 'unchanged') return `${file}: unchanged, ${name} stays at version ${version} · ${url}`
  const what = status === 'new' ? 'new' : `changed (${differs.join(', ')})`
  return `${file}: ${what}, ${name} ${dryRun ? 'would be' : 'is'} version ${version} · ${url}`
}

async function filesOf(path: string): Promise<readonly string[]> {
  const found = await stat(path).catch((error: Error) => {
    throw new CliError(`${path} cannot be read: ${error.message}`, { exitCode: exits.usage })
  })
  if (!found.isDirectory()) return [path]
  const names = await readdir(path, { recursive: true })
  return names
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => join(path, name))
}

async function watching(
  paths: readonly string[],
  signal: AbortSignal,
  saved: (file: string) => Promise<void>,
): Promise<void> {
  const timers = new Map<string, NodeJS.Timeout>()
  const soon = (file: string): void => {
    // Editors write in several steps, or rename into place: the last one counts.
    clearTimeout(timers.get(file))
    timers.set(
      file,
      setTimeout(() => {
        timers.delete(file)
        stat(file).then(
          () => saved(file),
          () => undefined,
        )
      }, settleMs),
    )
  }
  const watchers = await Promise.all(
    paths.map(async (path) => {
      const folder = (await stat(path)).isDirectory()
      return watch(path, { recursive: folder }, (_event, name) => {
        if (!folder) soon(path)
        else if (name?.endsWith('.sql') === true) soon(join(path, name))
      })
    }),
  )
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  for (const watcher of watchers) watcher.close()
}
