import { create, toBinary } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { expect, test } from 'vitest'
import { codes, Failure, problems, type ProblemCode } from '#mesh/errors.ts'
import { fromStatus, toProblemJson, toStatus } from '#mesh/rpc/problem.ts'
import { ProblemSchema } from '#proto/edgewise/problem/v1/problem_pb.ts'

test.each(Object.keys(problems) as ProblemCode[])('%s survives the wire', (problem) => {
  const { code, message, details } = toStatus(new Failure(problem, 'So it is.'), 'req_1')
  expect(fromStatus(code, message, details)).toMatchObject({
    problem,
    message: 'So it is.',
    hint: problems[problem].hint,
  })
})

/** Codes that no problem of this version has. */
const nearest: Readonly<Record<string, string>> = {
  unknown: 'internal',
  data_loss: 'internal',
  out_of_range: 'invalid_argument',
}

test('a problem of a newer peer keeps its gRPC code, its words and its way out', () => {
  const problem = create(ProblemSchema, { code: 'billing.overdue', detail: 'Pay first.', hint: 'See /billing.' })
  const details = new BinaryWriter()
    .tag(3, WireType.LengthDelimited)
    .fork()
    .tag(1, WireType.LengthDelimited)
    .string('type.googleapis.com/edgewise.problem.v1.Problem')
    .tag(2, WireType.LengthDelimited)
    .bytes(toBinary(ProblemSchema, problem))
    .join()
    .finish()
  for (const [name, { grpc }] of Object.entries(codes)) {
    const failure = fromStatus(grpc, 'x', details)
    expect(failure).toMatchObject({ message: 'Pay first.', hint: 'See /billing.' })
    expect(failure.code).toBe(nearest[name] ?? name)
  }
})

test('details that are not ours, or not readable, leave code and message', () => {
  for (const details of [
    undefined,
    new Uint8Array(),
    Uint8Array.of(255, 255, 255),
    new TextEncoder().encode('hello'),
  ]) {
    expect(fromStatus(5, 'no such table', details)).toMatchObject({ code: 'not_found', message: 'no such table' })
  }
  expect(fromStatus(99, 'x', undefined).code).toBe('internal')
})

test('a peer’s words about its inside are not shown', () => {
  const failure = fromStatus(14, 'connect ECONNREFUSED 10.0.0.7:5432', undefined)
  expect(failure.problem).toBe('core.unavailable')
  expect(JSON.stringify(toProblemJson(failure, 'req_1'))).not.toContain('10.0.0.7')
})

test('however long a failure is, it fits the headers it travels in, and half a surrogate pair does not break it', () => {
  const long = '漢\ud83d'.repeat(50_000)
  const failure = new Failure('query.failed', long, {
    errors: Array.from({ length: 1_000 }, () => ({ pointer: long, reason: long })),
  })
  const status = toStatus(failure, 'req_1')
  expect(encodeURIComponent(status.message).length + status.details.byteLength * 2).toBeLessThan(256 << 10)
  expect(fromStatus(status.code, status.message, status.details).errors.length).toBe(20)
})

test('as problem+json it says what RFC 9457 and the API promise, and never its cause', () => {
  const failure = new Failure('query.unknown_column', 'There is no prise.', {
    hint: 'Did you mean price?',
    errors: [{ line: 1, column: 8, reason: 'unknown' }],
    cause: new Error('internal words'),
  })
  expect(toProblemJson(failure, 'req_1')).toEqual({
    type: '/problems/query.unknown_column',
    title: 'No such column',
    status: 400,
    detail: 'There is no prise.',
    code: 'query.unknown_column',
    hint: 'Did you mean price?',
    retryable: false,
    request_id: 'req_1',
    errors: [{ line: 1, column: 8, reason: 'unknown' }],
  })
})
