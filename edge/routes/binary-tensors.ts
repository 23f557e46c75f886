import { Failure } from '#mesh/errors.ts'
import { writeElements } from '#mesh/inference/elements.ts'
import type { NamedTensor, OutputTensor } from '#mesh/inference/open-inference.ts'
import { joined } from '../cache/collect.ts'

/**
 * Triton's binary tensor data extension: behind the JSON, whose length a header says, the bytes of tensors.
 * https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
 */
const lengthHeader = 'Inference-Header-Content-Length'

interface Given extends Omit<NamedTensor, 'data'> {
  readonly data?: readonly unknown[] | undefined
  readonly parameters?: { readonly binary_data_size?: number | undefined } | undefined
}

interface Wanted {
  readonly name: string
  readonly parameters?: { readonly binary_data?: boolean | undefined } | undefined
}

/** What of a body is JSON, and what is behind it. */
export function splitBody(
  body: Uint8Array,
  headers: Headers,
): { readonly json: Uint8Array; readonly bytes: Uint8Array } {
  if (headers.has('content-encoding')) {
    throw new Failure('request.unsupported_media_type', 'Compressed tensors are not read here.', {
      hint: 'Send them as they are: without request_compression_algorithm, in the clients of Triton.',
    })
  }
  const said = headers.get(lengthHeader)
  const length = said === null ? body.byteLength : /^[1-9]\d{0,9}$/.test(said) ? Number(said) : Infinity
  if (length <= body.byteLength) return { json: body.subarray(0, length), bytes: body.subarray(length) }
  throw refused(lengthHeader, `must be the length of the JSON, in a body of ${body.byteLength} bytes`)
}

/** Inputs with what they hold: in the JSON, or behind it in their order, without a byte too few or too many. */
export function inputsOf(inputs: readonly Given[], bytes: Uint8Array): readonly NamedTensor[] {
  let at = 0
  const tensors = inputs.map(({ name, datatype, shape, data, parameters }, index): NamedTensor => {
    const size = parameters?.binary_data_size
    if (size === undefined) {
      if (data === undefined) throw refused(`/inputs/${index}/data`, 'is missing, and so is binary_data_size')
      return { name, datatype, shape, data }
    }
    if (data !== undefined) throw refused(`/inputs/${index}/data`, 'is there beside binary_data_size')
    if (size > bytes.byteLength - at) {
      const left = bytes.byteLength - at
      throw refused(
        `/inputs/${index}/parameters/binary_data_size`,
        `is ${size}, and ${left} bytes are left of the body`,
      )
    }
    at += size
    return { name, datatype, shape, data: bytes.subarray(at - size, at) }
  })
  if (at === bytes.byteLength) return tensors
  throw refused('body', `has ${bytes.byteLength - at} bytes behind those that the inputs name`)
}

/** Whether an output is to be in binary: as is said of it, or else of all. */
export function binaryOutputs(wanted: readonly Wanted[] = [], all = false): (name: string) => boolean {
  const named = new Map(wanted.map(({ name, parameters }) => [name, parameters?.binary_data]))
  return (name) => named.get(name) ?? all
}

/** The answer, where some of its outputs are in binary. */
export function binaryAnswer(
  about: object,
  outputs: readonly OutputTensor[],
  isBinary: (name: string) => boolean,
  headers: Readonly<Record<string, string>>,
): Response {
  const parts: Uint8Array[] = []
  const shaped = outputs.map((output) => {
    const { name, datatype, shape, data } = output
    if (!isBinary(name)) return output
    const bytes = writeElements(datatype, data)
    parts.push(bytes)
    return { name, datatype, shape, parameters: { binary_data_size: bytes.byteLength } }
  })
  const json = new TextEncoder().encode(JSON.stringify({ ...about, outputs: shaped }))
  const body = [json, ...parts]
  const length = body.reduce((sum, part) => sum + part.byteLength, 0)
  return new Response(joined(body, length), {
    headers: { ...headers, 'content-type': 'application/octet-stream', [lengthHeader]: String(json.byteLength) },
  })
}

function refused(pointer: string, reason: string): Failure {
  return new Failure('request.invalid', `${pointer} ${reason}.`, { errors: [{ pointer, reason }] })
}
