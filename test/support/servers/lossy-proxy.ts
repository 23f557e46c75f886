import { createServer, type IncomingMessage, request as ask, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What becomes of a request, which its `x-fate` says: gone before it came, done but not answered, done after its sender gave up. */
export const fates = ['lost', 'unanswered', 'late'] as const
export type Fate = 'passed' | (typeof fates)[number]

const latestMs = 400

/** Stands before a gateway, and treats requests as a bad network would, each as its sender says. */
export async function lossyProxy(target: string) {
  /** Late ones, which nobody waits for. */
  const stragglers: Promise<unknown>[] = []
  const server = createServer((incoming, answer) => {
    pass(incoming, answer).catch(() => answer.destroy())
  })

  async function pass(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { 'x-fate': fate = 'passed', host: _, ...headers } = incoming.headers
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    if (fate === 'lost') return void answer.destroy()
    const send = () => forward(new URL(incoming.url ?? '/', target), incoming.method ?? 'GET', headers, body)
    if (fate === 'late') {
      answer.destroy()
      const straggler = sleep(body.length % latestMs).then(send)
      stragglers.push(straggler.catch(() => undefined))
      return
    }
    const { status, text } = await send()
    if (fate === 'unanswered') answer.destroy()
    else answer.writeHead(status, { 'content-type': 'application/json' }).end(text)
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** When everything that is still on its way has come. */
    quiet: async () => void (await Promise.all(stragglers)),
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

function forward(url: URL, method: string, headers: NodeJS.Dict<string | string[]>, body: Buffer) {
  return new Promise<{ readonly status: number; readonly text: string }>((resolve, reject) => {
    const asked = ask(url, { method, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text })).on('error', reject)
    })
    asked.on('error', reject).end(body)
  })
}
