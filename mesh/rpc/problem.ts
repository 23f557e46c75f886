import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { codes, Failure, problems, type Code, type ProblemCode, type Violation } from '../errors.ts'
import { type Problem, ProblemSchema } from '#proto/edgewise/problem/v1/problem_pb.ts'

/** The metadata key under which gRPC peers look for a google.rpc.Status. */
export const detailsKey = 'grpc-status-details-bin'

/** Trailers travel in HTTP/2 headers, of which peers accept 16 to 64 KiB: what is longer is cut. */
const maxDetailChars = 2_048
const maxReasonChars = 512
const maxViolations = 20

/** What stands for a code when the peer said no more, or said it in a word that this version does not know. */
const general: Readonly<Record<Code, ProblemCode>> = {
  cancelled: 'request.cancelled',
  unknown: 'internal.error',
  invalid_argument: 'request.invalid',
  deadline_exceeded: 'limit.deadline',
  not_found: 'resource.not_found',
  already_exists: 'resource.exists',
  permission_denied: 'auth.scope',
  resource_exhausted: 'limit.concurrency',
  failed_precondition: 'request.precondition',
  aborted: 'request.aborted',
  out_of_range: 'request.invalid',
  unimplemented: 'internal.unimplemented',
  internal: 'internal.error',
  unavailable: 'core.unavailable',
  data_loss: 'internal.error',
  unauthenticated: 'auth.invalid',
}

/** Where a peer without details tells of its own inside (addresses, stacks), its words are for the log only. */
const opaque: Partial<Record<Code, string>> = {
  cancelled: 'The call was cancelled.',
  unknown: 'An unexpected error occurred.',
  internal: 'An unexpected error occurred.',
  data_loss: 'An unexpected error occurred.',
  unavailable: 'The service does not answer.',
  deadline_exceeded: 'The deadline passed before the answer came.',
}

const names = new Map<number, Code>(Object.entries(codes).map(([name, { grpc }]) => [grpc, name as Code]))

/** A failure as gRPC carries it. */
export interface GrpcStatus {
  readonly code: number
  readonly message: string
  /** A serialized google.rpc.Status that holds one edgewise.problem.v1.Problem. */
  readonly details: Uint8Array
  readonly retryPushbackMs: number | undefined
}

export function toStatus(failure: Failure, requestId: string): GrpcStatus {
  const message = cut(failure.message, maxDetailChars)
  const problem = create(ProblemSchema, {
    code: failure.problem,
    detail: message,
    hint: cut(failure.hint, maxDetailChars),
    retryable: failure.retryable,
    requestId,
    errors: failure.errors.slice(0, maxViolations).map((place) => ({
      pointer: cut(place.pointer ?? '', maxReasonChars),
      line: place.line ?? 0,
      column: place.column ?? 0,
      reason: cut(place.reason, maxReasonChars),
    })),
    retryAfterMs: Math.ceil(failure.retryAfterMs ?? 0),
  })
  const code = codes[failure.code].grpc
  return { code, message, details: encodeStatus(code, message, problem), retryPushbackMs: failure.retryAfterMs }
}

/** The failure that a status stands for. A dotted code that is not known here is taken by its gRPC code. */
export function fromStatus(code: number, message: string, details: Uint8Array | undefined): Failure {
  const name = names.get(code) ?? 'unknown'
  const problem = details === undefined ? undefined : decodeStatus(details)
  if (problem === undefined) {
    return new Failure(general[name], opaque[name] ?? (message || 'The call failed.'), { cause: message, remote: true })
  }
  return new Failure(isKnown(problem.code) ? problem.code : general[name], problem.detail, {
    ...(problem.hint !== '' && { hint: problem.hint }),
    ...(problem.retryAfterMs > 0 && { retryAfterMs: problem.retryAfterMs }),
    errors: problem.errors.map(toPlace),
    remote: true,
  })
}

/** RFC 9457, `application/problem+json`. */
export interface ProblemJson {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ProblemCode
  readonly hint: string
  readonly retryable: boolean
  readonly request_id: string
  readonly errors?: readonly Violation[]
}

export function toProblemJson(failure: Failure, requestId: string): ProblemJson {
  return {
    type: `/problems/${failure.problem}`,
    title: problems[failure.problem].title,
    status: failure.status,
    detail: failure.message,
    code: failure.problem,
    hint: failure.hint,
    retryable: failure.retryable,
    request_id: requestId,
    ...(failure.errors.length > 0 && { errors: failure.errors }),
  }
}

function toPlace({ pointer, line, column, reason }: Problem['errors'][number]): Violation {
  return { ...(pointer !== '' && { pointer }), ...(line > 0 && { line }), ...(column > 0 && { column }), reason }
}

function isKnown(code: string): code is ProblemCode {
  return Object.hasOwn(problems, code)
}

/** Also makes it encodable: a half of a surrogate pair is no Unicode text. */
function cut(text: string, maxChars: number): string {
  return (text.length > maxChars ? `${text.slice(0, maxChars - 1)}…` : text).toWellFormed()
}

/*
 * google.rpc.Status { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }
 * google.protobuf.Any { string type_url = 1; bytes value = 2; }
 */
const typeUrl = `type.googleapis.com/${ProblemSchema.typeName}`

function encodeStatus(code: number, message: string, problem: Problem): Uint8Array {
  const writer = new BinaryWriter()
  writer.tag(1, WireType.Varint).int32(code)
  writer.tag(2, WireType.LengthDelimited).string(message)
  writer.tag(3, WireType.LengthDelimited).fork()
  writer.tag(1, WireType.LengthDelimited).string(typeUrl)
  writer.tag(2, WireType.LengthDelimited).bytes(toBinary(ProblemSchema, problem))
  return writer.join().finish()
}

/** The problem inside, if there is one; what cannot be read is as good as absent. */
function decodeStatus(bytes: Uint8Array): Problem | undefined {
  try {
    const status = new BinaryReader(bytes)
    while (status.pos < status.len) {
      const [field, wire] = status.tag()
      if (field !== 3) {
        status.skip(wire)
        continue
      }
      const problem = decodeAny(new BinaryReader(status.bytes()))
      if (problem !== undefined) return problem
    }
  } catch {
    // Whatever it is, it was not written by a peer of ours; the code and message still count.
  }
  return undefined
}

function decodeAny(any: BinaryReader): Problem | undefined {
  let type = ''
  let value: Uint8Array | undefined
  while (any.pos < any.len) {
    const [field, wire] = any.tag()
    if (field === 1) type = any.string()
    else if (field === 2) value = any.bytes()
    else any.skip(wire)
  }
  return type === typeUrl && value !== undefined ? fromBinary(ProblemSchema, value) : undefined
}
