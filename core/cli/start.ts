import { Command, Option } from 'commander'
import { type Cli, dataOption, indent, whole } from './command.ts'
import { credentialsPath, saveCredentials } from './credentials.ts'
import { exits } from './exit.ts'
import { run, type Started } from './start/run.ts'

interface Flags {
  readonly data?: string
  readonly host: string
  readonly port?: number
  readonly dev?: boolean
  readonly verbose?: boolean
  readonly json?: boolean
}

const defaultPort = 8787

export function start(cli: Cli): Command {
  return new Command('start')
    .description('run the gateway and its core on this machine, until Ctrl-C')
    .addOption(
      new Option(
        '--port <port>',
        `where the gateway listens (else PORT, ${defaultPort}); 0 is any that is free`,
      ).argParser(whole(0, 65_535)),
    )
    .option(
      '--host <address>',
      'the address that it listens on; others than loopback are reachable from outside',
      '127.0.0.1',
    )
    .addOption(dataOption())
    .option('--dev', 'build and start again what was saved (wrangler dev)')
    .option('--verbose', 'every line of the logs on stderr, not only warnings')
    .option('--json', 'say that it is ready in one line of JSON')
    .addHelpText(
      'after',
      `
Examples:
${indent(`edgewise start
edgewise start --port 9000 --data /var/lib/edgewise
edgewise start --dev`)}

Exit codes:
  0 stopped · 2 wrong usage · 68 the database does not answer · 69 a port is in use · 70 core or edge does not stay up · 73 the data directory cannot be made
  74 the disk is full · 75 the data directory is in use · 78 the configuration does not hold`,
    )
    .action(async (flags: Flags) => {
      const { terminal, env } = cli
      // Started through another Node, which is gone now: nobody is left to stop this one.
      const orphaned = new AbortController()
      if (process.channel !== undefined) process.once('disconnect', () => orphaned.abort())
      const hangup = new AbortController()
      process.once('SIGHUP', () => hangup.abort())
      await run(
        {
          data: flags.data ?? env.data,
          host: flags.host,
          port: flags.port ?? env.port ?? defaultPort,
          dev: flags.dev ?? false,
          verbose: flags.verbose ?? false,
        },
        env,
        {
          signal: AbortSignal.any([terminal.signal, orphaned.signal, hangup.signal]),
          say: (text) => terminal.note(text),
          ready: async (started) => {
            const credentials = credentialsPath(started.data)
            const { url, adminKey } = started
            saveCredentials(credentials, { url, ...(adminKey !== undefined && { key: adminKey }) })
            await terminal.out(
              flags.json
                ? `${JSON.stringify(started)}\n`
                : summary(started, credentials, env.all['DATABASE_URL'] ? 'DATABASE_URL' : 'PGlite', terminal.bold),
            )
          },
        },
      )
      cli.exitWith(exits.ok)
    })
}

function summary(started: Started, credentials: string, control: string, bold: (text: string) => string): string {
  const { url, adminKey } = started
  const key =
    adminKey === undefined
      ? `The administrator's key is in ${credentials} (lost? \`npx edgewise keys recover\`).`
      : `The administrator's key, shown this once (and kept in ${credentials}, for you alone):\n\n  ${bold(adminKey)}`
  return `
${bold('Edgewise is ready')} after ${(started.readyMs / 1000).toFixed(1)} s${started.built ? ', the edge built anew' : ''}.

  gateway    ${bold(url)}      API: ${url}/docs
  core       HTTP ${started.http.replace('http://', '')} · gRPC ${started.grpc}
  engines    workerd · ${control} (control) · SQLite (event log) · chDB (warehouse)
  data       ${started.data}
  logs       ${started.logs}

${key}

Try, in another shell:

  npx edgewise demo --seconds 30
  npx edgewise sql 'SELECT count() FROM shop_orders'
  curl -s ${url}/health/ready

Ctrl-C stops everything.
`
}
