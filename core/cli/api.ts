import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { Command, Option } from 'commander'
import type { Ask } from '#mesh/client/index.ts'
import { type Cli, type CommonFlags, gateway, withGateway } from './command.ts'
import { CliError, exits } from './exit.ts'

interface Flags extends CommonFlags {
  readonly type: string
  readonly header?: Record<string, string>
}

const methods = ['GET', 'PUT', 'POST', 'PATCH', 'DELETE'] as const

/** What has no command of its own: users, roles, issuers, tokens, routes, limits, usage. */
export function api(cli: Cli): Command {
  return withGateway(
    new Command('api')
      .description('send one request to the gateway, with the credentials that every command finds')
      .argument('<method>', methods.join(', '))
      .argument('<path>', 'as /v1/users; the API is described at /docs')
      .argument('[body]', 'what is sent: a text, `@file`, or `-` for standard input')
      .addOption(new Option('--type <type>', 'what the body is').default('application/json'))
      .option('--header <name:value>', 'a header, as often as needed', header),
    `edgewise api GET /v1/users
    edgewise api POST /v1/users '{"email": "ada@example.com", "roles": ["editor"]}'
    edgewise api PUT /v1/issuers/okta @okta.json
    edgewise api PUT /v1/routes/shop @shop.json --header 'If-Match: "3"'
    edgewise api DELETE /v1/roles/reader`,
  ).action(async (given: string, path: string, body: string | undefined, flags: Flags) => {
    const ask: Ask = {
      method: methodOf(given),
      path: path.startsWith('/') ? path : `/${path}`,
      headers: { ...(body !== undefined && { 'content-type': flags.type }), ...flags.header },
      ...(body !== undefined && { body: await bodyOf(body) }),
      signal: cli.terminal.signal,
    }
    const response = await gateway(flags, cli).request(ask)
    const answer = await response.text()
    if (answer === '') return cli.terminal.note(`${response.status} without a body`)
    const isJson = /[/+]json\b/.test(response.headers.get('content-type') ?? '')
    // As text: integers past 2^53 stay what they are.
    await cli.terminal.out(answer.endsWith('\n') || !isJson ? answer : `${answer}\n`)
  })
}

function methodOf(given: string): Ask['method'] {
  const found = methods.find((method) => method === given.toUpperCase())
  if (found !== undefined) return found
  throw new CliError(`${given} is not one of ${methods.join(', ')}.`, { exitCode: exits.usage })
}

function header(given: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = given.indexOf(':')
  if (at < 1) throw new CliError(`${given} is not name:value.`, { exitCode: exits.usage })
  return { ...before, [given.slice(0, at).trim().toLowerCase()]: given.slice(at + 1).trim() }
}

async function bodyOf(given: string): Promise<string> {
  if (given === '-') return text(process.stdin)
  return given.startsWith('@') ? readFileSync(given.slice(1), 'utf8') : given
}
