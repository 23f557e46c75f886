import { connect, type Socket } from 'node:net'

/**
 * Many clients of one gateway, in a process of their own (`fork`): each keeps one connection, and has one request under way
 * at most. Told to (`Phase`), they send for so long, and then say what came back (`Outcome`).
 */
export interface Setup {
  readonly host: string
  readonly port: number
  readonly clients: number
  /** Whole requests, as they are on the wire, by kind; one is drawn of those of the kind that is drawn by its weight. */
  readonly kinds: readonly { readonly name: string; readonly weight: number; readonly requests: readonly string[] }[]
}

export interface Phase {
  readonly seconds: number
  /** Requests a second, whether or not answers come: at random moments, each by a client that is free. */
  readonly rate?: number
  /** Else so many are under way all the time. */
  readonly concurrency?: number
}

export interface Outcome {
  /** By status; 0 is a connection that broke. */
  readonly statuses: Readonly<Record<string, number>>
  /** Milliseconds, from when a request should have been sent: those that were answered 2xx, by kind. */
  readonly times: Readonly<Record<string, readonly number[]>>
  /** Refusals that said no time to wait. */
  readonly withoutRetryAfter: number
  readonly seconds: number
  /** Each tenth of a second: how many were sent, how many of those were answered 2xx, and how late the latest of them was. */
  readonly tenths: readonly { readonly sent: number; readonly served: number; readonly slowestMs: number }[]
}

interface Client {
  /** Undefined: the server closed it, as it does with what is idle for long; the next request opens another. */
  socket: Socket | undefined
  kind: string
  request: string
  /** On a connection that has been used before: the server may have closed it in the same moment (RFC 9112, 9.3.1). */
  again: boolean
  sentAt: number
  busy: boolean
  received: Buffer
}

let setup: Setup
const free: Client[] = []
let tally = newTally(0)
let onEnd: () => void = () => undefined

function newTally(startedAt: number) {
  return {
    startedAt,
    statuses: {} as Record<string, number>,
    times: {} as Record<string, number[]>,
    withoutRetryAfter: 0,
    tenths: [] as { sent: number; served: number; slowestMs: number }[],
    running: 0,
  }
}

function tenthAt(at: number): { sent: number; served: number; slowestMs: number } {
  return (tally.tenths[Math.max(0, Math.floor((at - tally.startedAt) / 100))] ??= { sent: 0, served: 0, slowestMs: 0 })
}

function connected(client: Client): Socket {
  if (client.socket !== undefined) return client.socket
  const socket = connect(setup.port, setup.host)
  client.socket = socket
  socket.setNoDelay(true)
  socket.on('error', () => undefined)
  socket.on('data', (chunk) => receive(client, chunk))
  socket.on('close', () => {
    if (client.socket !== socket) return
    const isUnheard = client.received.length === 0
    client.socket = undefined
    client.received = Buffer.alloc(0)
    if (!client.busy) return
    if (client.again && isUnheard) {
      client.again = false
      connected(client).write(client.request)
      return
    }
    end(client, 0, true)
    free.push(client)
  })
  return socket
}

function open(): Promise<void> {
  const client: Client = {
    socket: undefined,
    kind: '',
    request: '',
    again: false,
    sentAt: 0,
    busy: false,
    received: Buffer.alloc(0),
  }
  free.push(client)
  return new Promise((resolve, reject) => {
    connected(client).once('connect', resolve).once('error', reject)
  })
}

/** One whole answer: with its length, or in chunks. */
function receive(client: Client, chunk: Buffer): void {
  client.received = client.received.length === 0 ? chunk : Buffer.concat([client.received, chunk])
  const { received } = client
  const end_ = received.indexOf('\r\n\r\n')
  if (end_ < 0) return
  const head = received.toString('latin1', 0, end_).toLowerCase()
  const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1]
  const isWhole =
    length === undefined
      ? received.subarray(-5).toString('latin1') === '0\r\n\r\n'
      : received.length >= end_ + 4 + Number(length)
  if (!isWhole) return
  client.received = Buffer.alloc(0)
  end(client, Number(head.slice(9, 12)), /\r\nretry-after: \d/.test(head))
  if (/\r\nconnection: close/.test(head)) {
    client.socket?.destroy()
    client.socket = undefined
  }
  free.push(client)
}

function end(client: Client, status: number, saysWhen: boolean): void {
  client.busy = false
  const ms = performance.now() - client.sentAt
  tally.statuses[status] = (tally.statuses[status] ?? 0) + 1
  if (status >= 400 && !saysWhen) tally.withoutRetryAfter++
  if (status >= 200 && status < 300) {
    ;(tally.times[client.kind] ??= []).push(ms)
    const tenth = tenthAt(client.sentAt)
    tenth.served++
    tenth.slowestMs = Math.max(tenth.slowestMs, ms)
  }
  tally.running--
  onEnd()
}

/** False: nobody is free. */
function send(dueAt: number): boolean {
  // The one that has been free for the longest, so that all of them take part.
  const client = free.shift()
  if (client === undefined) return false
  let drawn = Math.random() * setup.kinds.reduce((sum, { weight }) => sum + weight, 0)
  const kind = setup.kinds.find(({ weight }) => (drawn -= weight) < 0) ?? setup.kinds[0]!
  client.kind = kind.name
  client.sentAt = dueAt
  client.busy = true
  tally.running++
  tenthAt(dueAt).sent++
  client.request = kind.requests[Math.floor(Math.random() * kind.requests.length)] ?? ''
  client.again = client.socket !== undefined
  connected(client).write(client.request)
  return true
}

async function play({ seconds, rate, concurrency = 0 }: Phase): Promise<Outcome> {
  const startedAt = performance.now()
  const until = startedAt + seconds * 1000
  tally = newTally(startedAt)
  if (rate === undefined) {
    onEnd = () => {
      if (performance.now() < until) send(performance.now())
    }
    for (let i = 0; i < concurrency; i++) send(startedAt)
    await sleep(seconds * 1000)
  } else {
    let dueAt = startedAt
    onEnd = () => undefined
    while (dueAt < until) {
      const now = performance.now()
      while (dueAt <= now && dueAt < until && send(dueAt)) dueAt += (-Math.log(1 - Math.random()) * 1000) / rate
      await sleep(2)
    }
  }
  onEnd = () => undefined
  for (let waited = 0; tally.running > 0 && waited < 60_000; waited += 20) await sleep(20)
  const { statuses, times, withoutRetryAfter, tenths } = tally
  return { statuses, times, withoutRetryAfter, seconds, tenths: [...tenths] }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

process.on('message', (message: Setup | Phase) => {
  void (async () => {
    if ('kinds' in message) {
      setup = message
      // A hundred at a time: a listener's backlog is not what is measured.
      for (let made = 0; made < setup.clients; made += 100) {
        await Promise.all(Array.from({ length: Math.min(100, setup.clients - made) }, open))
      }
      process.send?.({ ready: true })
    } else process.send?.(await play(message))
  })()
})
process.on('disconnect', () => process.exit(0))
