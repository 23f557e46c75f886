import { Failure } from '#mesh/errors.ts'
import type { Format } from '#proto/edgewise/query/v1/query_pb.ts'
import type { Asked } from '../../cache/question.ts'
import { formatOf, one, presentationOf, searchParams } from '../formats.ts'

interface Said {
  readonly url: string
  /** Of the suffix: it counts before `accept`. */
  readonly format: Format | undefined
  readonly accept: string | null
  /** Parameters in a body: they count before those in the URL. */
  readonly body?: ReadonlyMap<string, readonly string[]>
}

/** What a request asks of an endpoint, not yet checked against its query; version 0 is the live one. */
export function askedOf({ url, format, accept, body = new Map() }: Said): Asked & { readonly version: number } {
  const params = searchParams(url)
  const version = versionOf(one(params, 'version'))
  const presentation = presentationOf(params)
  for (const [name, values] of body) params.set(name, values)
  return { ...presentation, version, format: format ?? formatOf(accept), params }
}

function versionOf(text: string | undefined): number {
  if (text === undefined) return 0
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new Failure('request.invalid', 'version is a whole number from 1.', {
    errors: [{ pointer: 'version', reason: 'not a whole number from 1' }],
  })
}
