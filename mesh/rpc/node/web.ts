import type { IncomingMessage, ServerResponse } from 'node:http'
import type { DescMethod } from '@bufbuild/protobuf'
import { base64Encode } from '@bufbuild/protobuf/wire'
import { Failure, toFailure } from '../../errors.ts'
import { policyOf } from '../../policy.ts'
import type { Interceptor } from '../call.ts'
import { encodeFrame, encodeTrailers, frameParser } from '../frames.ts'
import { type Mounted, type MountedMethod, pathOf } from '../mount.ts'
import { detailsKey, toStatus } from '../problem.ts'
import { decodeRequest, encodeAnswer, OpenCall, requestTooLarge, runStream, runUnary } from '../run.ts'

const contentType = 'application/grpc-web+proto'

/** What a caller may go on sending after its request was refused, before the connection is cut. */
const maxIgnoredBytes = 64 << 20

/** Serves gRPC-Web from node:http (or node:http2), binary only: what a Worker calls. */
export function grpcWebHandler({
  services,
  interceptors,
}: {
  readonly services: readonly Mounted[]
  readonly interceptors: readonly Interceptor[]
}): (req: IncomingMessage, res: ServerResponse) => void {
  const methods = new Map(services.flatMap((mounted) => mounted.methods).map((entry) => [pathOf(entry.method), entry]))
  return (req, res) => {
    if (req.method !== 'POST') {
      refuse(res, 405)
      return
    }
    if (!/^application\/grpc-web(\+proto)?(;|$)/.test(req.headers['content-type'] ?? '')) {
      refuse(res, 415)
      return
    }
    const entry = methods.get(req.url ?? '')
    if (entry === undefined) {
      const unknown = new Failure('internal.unimplemented', 'There is no such method here.')
      req.resume()
      res.writeHead(200, { 'content-type': contentType }).end(encodeTrailers(statusTrailers(unknown, '')))
      return
    }
    const open = new OpenCall(entry.method, metadataOf(req), deadlineOf(req), () => ({
      address: req.socket.remoteAddress ?? '',
      spiffeId: undefined,
    }))
    res.on('close', () => {
      if (!res.writableFinished) open.cancel(new Failure('request.cancelled', 'The caller went away.'))
    })
    // A reset connection is a caller that went away; `close` follows.
    res.on('error', () => undefined)
    if (entry.kind === 'unary') void answerUnary(entry, interceptors, open, req, res)
    else void answerStream(entry, interceptors, open, req, res)
  }
}

async function answerUnary(
  { method, handler }: MountedMethod & { kind: 'unary' },
  interceptors: readonly Interceptor[],
  open: OpenCall,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  let body: Uint8Array
  try {
    const message = await runUnary({
      open,
      interceptors,
      handler,
      request: async () => decodeRequest(method, await readMessage(method, req)),
      answer: (answer) => encodeFrame(0, encodeAnswer(method, answer)),
    })
    body = Buffer.concat([message, encodeTrailers([['grpc-status', '0'], ...open.trailers])])
  } catch (thrown) {
    body = encodeTrailers(trailersOf(thrown, open))
  }
  // One write with its length: no chunked encoding, and the client reads it in one go.
  res.writeHead(200, { 'content-type': contentType, 'content-length': body.byteLength }).end(body)
}

async function answerStream(
  { method, handler }: MountedMethod & { kind: 'server_streaming' },
  interceptors: readonly Interceptor[],
  open: OpenCall,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  res.writeHead(200, { 'content-type': contentType })
  try {
    const frames = runStream({
      open,
      interceptors,
      handler,
      request: async () => decodeRequest(method, await readMessage(method, req)),
      answer: (answer) => encodeFrame(0, encodeAnswer(method, answer)),
    })
    for await (const frame of frames) {
      if (!res.write(frame)) await drained(res)
    }
    res.end(encodeTrailers([['grpc-status', '0'], ...open.trailers]))
  } catch (thrown) {
    res.end(encodeTrailers(trailersOf(thrown, open)))
  }
}

/** Resolves also when the caller leaves: the next step of the run finds its signal aborted. */
function drained(res: ServerResponse): Promise<void> {
  if (res.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    const go = (): void => {
      res.off('drain', go)
      res.off('close', go)
      resolve()
    }
    res.on('drain', go)
    res.on('close', go)
  })
}

/** The one message of the body. Over the limit it stops buffering at once, not at the end. */
function readMessage(method: DescMethod, req: IncomingMessage): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const parser = frameParser(policyOf(method).maxRequestBytes)
    let message: Uint8Array | undefined
    let ignored = 0
    let refused = false
    const fail = (failure: Failure): void => {
      refused = true
      reject(failure)
    }
    req.on('data', (chunk: Buffer<ArrayBuffer>) => {
      if (refused) {
        ignored += chunk.byteLength
        if (ignored > maxIgnoredBytes) req.destroy()
        return
      }
      try {
        for (const frame of parser.push(chunk)) {
          if (frame.flags !== 0 || message !== undefined) {
            fail(new Failure('request.invalid', 'The body must be one uncompressed message.'))
            return
          }
          message = frame.bytes
        }
      } catch {
        fail(requestTooLarge(method))
      }
    })
    req.on('end', () => {
      if (message !== undefined && !parser.isPartial()) resolve(message)
      else reject(new Failure('request.invalid', 'The body does not hold a whole message.'))
    })
    req.on('error', (cause) => reject(new Failure('request.cancelled', 'The caller went away.', { cause })))
  })
}

function metadataOf(req: IncomingMessage): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>()
  for (const [name, value] of Object.entries(req.headers)) {
    if (typeof value === 'string') metadata.set(name, value)
  }
  return metadata
}

/** `grpc-timeout`: up to eight digits and a unit. What is not one is taken as absent. */
function deadlineOf(req: IncomingMessage): number {
  const match = /^(\d{1,8})([HMSmun])$/.exec(String(req.headers['grpc-timeout'] ?? ''))
  if (match === null) return Infinity
  const unitsMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 }
  return Date.now() + Number(match[1]) * (unitsMs[match[2] ?? ''] ?? 1)
}

function trailersOf(thrown: unknown, call: OpenCall): [string, string][] {
  return [...statusTrailers(toFailure(thrown), call.requestId), ...call.trailers]
}

function statusTrailers(failure: Failure, requestId: string): [string, string][] {
  const { code, message, details } = toStatus(failure, requestId)
  return [
    ['grpc-status', String(code)],
    ['grpc-message', encodeURIComponent(message)],
    [detailsKey, base64Encode(details, 'std_raw')],
  ]
}

function refuse(res: ServerResponse, status: number): void {
  res.writeHead(status, { 'content-type': 'text/plain', 'content-length': 0 }).end()
}
