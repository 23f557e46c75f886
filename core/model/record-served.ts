import type { Served } from '#mesh/inference/served-log.ts'
import type { Context } from '../context.ts'
import type { ServedVersion } from './serve.ts'

export interface Recording {
  readonly record: (served: Served) => void
}

/** Has what the core answered recorded, as far as the model's owner said. */
export function recordServed(
  { record }: Recording,
  { actor: { workspace }, requestId }: Context,
  { version: { name: model, version }, subject = '', arm, recordShare: share }: ServedVersion,
  { rows, answers }: Pick<Served, 'rows' | 'answers'>,
): void {
  record({ workspace, requestId, subject, model, version, arm: arm ?? '', placement: 'core', share, rows, answers })
}
