import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** A socket that listens already, for a child process to take over. */
export interface Socket {
  readonly fd: number
  readonly port: number
  /** Once the child has it: whoever still has it open is given a part of the connections. */
  close(): void
}

/**
 * One of several sockets that listen on one address, among which the kernel deals connections out (SO_REUSEPORT). Whoever
 * awaits it hands it on and closes it without awaiting anything else: until then nobody accepts.
 */
export async function sharedSocket(host: string, port: number): Promise<Socket> {
  const server = createServer().listen({ host, port, reusePort: true, backlog: 4_096 })
  await once(server, 'listening')
  // Node has no name for it that is its own.
  const { _handle: handle } = server as unknown as { readonly _handle: { readonly fd: number } }
  return {
    fd: handle.fd,
    port: (server.address() as AddressInfo).port,
    close: () => void server.close(),
  }
}
