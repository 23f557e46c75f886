import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** https://kafka.apache.org/protocol#protocol_api_keys */
const produce = 0

/**
 * Stands before a broker of Kafka and cuts a connection after a produce request has gone through and before its answer
 * has: what was written is not known to be, as where the network fails at the worst moment.
 */
export async function cuttingProxy(brokerPort: () => number) {
  const sockets = new Set<Socket>()
  let toCut = 0
  const server = createServer((client) => {
    const broker = connect(brokerPort(), '127.0.0.1')
    let doomed: number | undefined
    for (const [from, to] of [
      [client, broker],
      [broker, client],
    ] as const) {
      sockets.add(from)
      from.on('error', () => to.destroy()).on('close', () => (to.destroy(), sockets.delete(from)))
    }
    // `length, api_key => INT16, api_version => INT16, correlation_id => INT32, …`
    const requests = framesOf((request) => {
      if (request.readInt16BE(4) === produce && doomed === undefined && toCut > 0) {
        toCut--
        doomed = request.readInt32BE(8)
      }
      broker.write(request)
    })
    // `length, correlation_id => INT32, …`
    const answers = framesOf((answer) => {
      if (answer.readInt32BE(4) === doomed) client.destroy()
      else client.write(answer)
    })
    client.on('data', requests)
    broker.on('data', answers)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    /** Of the next so many produce requests nobody gets to know the end. */
    cut: (requests: number) => (toCut = requests),
    /** How many are still to be cut. */
    left: () => toCut,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Tells of each message as it is whole: `length => INT32`, then as many bytes. */
function framesOf(tell: (frame: Buffer) => void): (bytes: Buffer) => void {
  let held = Buffer.alloc(0)
  return (bytes) => {
    held = Buffer.concat([held, bytes])
    for (; held.length >= 4 && held.length >= 4 + held.readInt32BE(0); held = held.subarray(4 + held.readInt32BE(0))) {
      tell(held.subarray(0, 4 + held.readInt32BE(0)))
    }
  }
}
