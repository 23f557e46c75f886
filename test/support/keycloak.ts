import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'

const startWithinMs = 180_000
const admin = { username: 'admin', password: 'admin' }

/** A Keycloak of its own, in memory; `program` is its kc.sh. Under another name than the gateway's, so that browsers see two sites. */
export async function startKeycloak(program: string, port: number) {
  const url = `http://localhost:${port}`
  const child = spawn(program, ['start-dev', '--db=dev-mem', '--http-host=127.0.0.1', `--http-port=${port}`], {
    env: {
      ...process.env,
      KC_BOOTSTRAP_ADMIN_USERNAME: admin.username,
      KC_BOOTSTRAP_ADMIN_PASSWORD: admin.password,
      JAVA_OPTS_KC_HEAP: '-Xms128m -Xmx512m',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // The script starts another: they are ended together.
    detached: true,
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-8_000)))
  }
  await untilAnswers(`${url}/realms/master`, child).catch(async (cause: unknown) => {
    await end(child)
    throw new Error(`Keycloak does not start:\n${said}`, { cause })
  })

  /** By its admin API, as its administrator. */
  async function manage(method: string, path: string, body?: unknown): Promise<unknown> {
    const { access_token: token } = await tokens(url, 'master', {
      grant_type: 'password',
      client_id: 'admin-cli',
      ...admin,
    })
    const response = await fetch(`${url}/admin/realms${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }

  return {
    host: `localhost:${port}`,
    issuer: (realm: string) => `${url}/realms/${realm}`,
    manage,
    tokens: (realm: string, form: Record<string, string>) => tokens(url, realm, form),
    stop: () => end(child),
  }
}

export type Keycloak = Awaited<ReturnType<typeof startKeycloak>>

async function tokens(url: string, realm: string, form: Record<string, string>) {
  const body = new URLSearchParams(form)
  const response = await fetch(`${url}/realms/${realm}/protocol/openid-connect/token`, { method: 'POST', body })
  const answer = (await response.json()) as { readonly access_token: string }
  if (!response.ok) throw new Error(`no token: ${JSON.stringify(answer)}`)
  return answer
}

async function untilAnswers(url: string, child: ChildProcess): Promise<void> {
  const until = Date.now() + startWithinMs
  for (;;) {
    const answers = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    if (answers) return
    if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}.`)
    if (Date.now() > until) throw new Error(`It does not answer within ${startWithinMs / 1000} s.`)
    await sleep(250)
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  process.kill(-child.pid, 'SIGKILL')
  await gone
}
