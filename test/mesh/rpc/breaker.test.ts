import { createServer, type RequestListener } from 'node:http'
import { describe, expect, test } from 'vitest'
import { Failure } from '#mesh/errors.ts'
import { breaker as policy } from '#mesh/policy.ts'
import { type Breaker, createBreaker } from '#mesh/rpc/breaker.ts'
import { encodeFrame, encodeTrailers } from '#mesh/rpc/frames.ts'
import { connectWeb } from '#mesh/rpc/web.ts'
import { IngestService } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { QueryService } from '#proto/edgewise/query/v1/query_pb.ts'
import { listen } from './every-transport.ts'

function onClock() {
  const clock = { now: 1_800_000_000_000 }
  const breaker = createBreaker(() => clock.now)
  const enter = (bytes = 0) => breaker.enter(bytes, clock.now + 30_000)
  const lose = (times: number): void => {
    for (let i = 0; i < times; i++) enter().leave({ lost: true })
  }
  return { clock, breaker, enter, lose }
}

describe('a service of which nothing is heard', () => {
  test('is given up after so many attempts in a row, and not before', () => {
    const { breaker, enter, lose } = onClock()
    lose(policy.failures - 1)
    enter().heard()
    lose(policy.failures - 1)
    expect(breaker.open).toBe(false)
    lose(1)
    expect(breaker.open).toBe(true)
    expect(() => enter()).toThrowError(
      expect.objectContaining({ problem: 'core.unavailable', retryAfterMs: policy.openMs }) as Failure,
    )
    expect(breaker.refused).toBe(1)
  })

  test('is tried by one call in each interval, and by all once that one is answered', () => {
    const { clock, breaker, enter, lose } = onClock()
    lose(policy.failures)
    for (let i = 0; i < 3; i++) {
      clock.now += policy.openMs
      const probe = enter()
      expect(() => enter()).toThrow(Failure)
      probe.leave({ lost: true })
      expect(() => enter()).toThrow(Failure)
    }
    clock.now += policy.openMs
    const probe = enter()
    probe.heard()
    expect(breaker.open).toBe(false)
    enter()
    enter()
  })

  test('is tried again although the probe was torn down without a word, or the clock was set back', () => {
    const { clock, enter, lose } = onClock()
    lose(policy.failures)
    clock.now += policy.openMs
    enter()
    clock.now += policy.openMs
    enter()
    clock.now -= 3_600_000
    expect(() => enter()).not.toThrow()
  })

  test('is not given up for what began before it was last heard of', () => {
    const { breaker, enter } = onClock()
    const old = Array.from({ length: 20 }, () => enter())
    enter().heard()
    for (const pass of old) pass.leave({ lost: true })
    expect(breaker.open).toBe(false)
  })
})

describe('calls in flight', () => {
  test('are bounded in number; those that never ended count until a little after their deadline', () => {
    const { clock, breaker, enter } = onClock()
    for (let i = 0; i < policy.maxInFlight; i++) enter()
    expect(() => enter()).toThrowError(expect.objectContaining({ problem: 'limit.queue_full' }) as Failure)
    clock.now += 30_000 + policy.lapseMs + 1
    enter()
    expect(breaker.inFlight).toBe(1)
  })

  test('are bounded in bytes, but for a single one', () => {
    const { enter } = onClock()
    const large = enter(policy.maxBytesInFlight + 1)
    expect(() => enter(1)).toThrowError(expect.objectContaining({ problem: 'limit.queue_full' }) as Failure)
    large.leave()
    enter(policy.maxBytesInFlight / 2)
    enter(policy.maxBytesInFlight / 2)
    expect(() => enter(1)).toThrow(Failure)
  })
})

describe('over gRPC-Web', () => {
  async function serving(handle: RequestListener) {
    const server = createServer((request, response) => {
      request.resume()
      handle(request, response)
    })
    const url = await listen(server)
    const breaker = createBreaker()
    return {
      breaker,
      query: connectWeb(QueryService, { url, breaker }),
      ingest: connectWeb(IngestService, { url, breaker }),
      [Symbol.dispose]() {
        server.closeAllConnections()
        server.close()
      },
    }
  }

  const failing = async (breaker: Breaker, times: number, call: () => Promise<unknown>): Promise<Failure[]> => {
    const failures: Failure[] = []
    for (let i = 0; i < times; i++) failures.push((await call().catch((thrown: unknown) => thrown)) as Failure)
    expect(breaker.inFlight).toBe(0)
    return failures
  }

  test('connections that break open it, and then no call is sent', async () => {
    let hits = 0
    using served = await serving((request) => {
      hits++
      request.socket.destroy()
    })
    const { breaker, ingest } = served
    const failures = await failing(breaker, policy.failures + 3, () => ingest.writeEvents({ stream: 'a' }))
    expect(hits).toBe(policy.failures)
    expect(failures.map(({ problem }) => problem)).toEqual(failures.map(() => 'core.unavailable'))
    expect(failures.at(-1)?.retryAfterMs).toBeGreaterThan(0)
  })

  test('a deadline that passes in silence counts; one that was too close to say anything does not', async () => {
    using served = await serving(() => undefined)
    const { breaker, query } = served
    const call = (timeoutMs: number) => () => query.describeQuery({ name: 'a' }, { timeoutMs })
    await failing(breaker, policy.failures + 1, call(10))
    expect(breaker.open).toBe(false)
    await Promise.all(Array.from({ length: policy.failures }, () => call(policy.shortestWaitMs)().catch(() => 0)))
    expect(breaker.open).toBe(true)
  })

  test('a refusal in the core’s own words, or half an answer, is a sign of life', async () => {
    let answer = [encodeTrailers([['grpc-status', '14']])]
    using served = await serving((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/grpc-web+proto' })
      for (const part of answer) response.write(part)
      setTimeout(() => response.destroy(), 20)
    })
    const { breaker, query } = served
    const read = async () => {
      for await (const _ of query.runSql({ sql: 'SELECT 1' }));
    }
    await failing(breaker, policy.failures, read)
    answer = [encodeFrame(0, new Uint8Array())]
    await failing(breaker, policy.failures, read)
    expect(breaker.open).toBe(false)
  })
})
