import { connect, type Socket } from 'node:net'

/** What came back over a connection of one's own, and whether the other side closed it. */
export interface Conversation {
  readonly text: string
  /** The status of each answer, in order; interim ones left out. */
  readonly statuses: readonly number[]
  readonly closed: boolean
}

export interface Spoken {
  /** Until when to listen where the other side neither answers nor closes. */
  readonly withinMs?: number
  /** As many answers are enough. */
  readonly answers?: number
}

/** Bytes as they are, where an HTTP client would refuse to send them. */
export function speak(url: string, bytes: string, { withinMs = 2_000, answers }: Spoken = {}): Promise<Conversation> {
  return new Promise((resolve) => {
    const socket = open(url)
    let text = ''
    const end = (closed: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ text, statuses: statusesOf(text), closed })
    }
    const timer = setTimeout(() => end(false), withinMs)
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (answers !== undefined && statusesOf(text).length >= answers) end(false)
    })
    socket.on('error', () => undefined)
    socket.once('close', () => end(true))
    socket.write(Buffer.from(bytes, 'latin1'))
  })
}

/** A connection that stays open until it is destroyed. */
export function open(url: string): Socket {
  const { hostname, port } = new URL(url)
  return connect(Number(port), hostname)
}

function statusesOf(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)]
    .map((found) => Number(found[1]))
    .filter((status) => status >= 200)
}
