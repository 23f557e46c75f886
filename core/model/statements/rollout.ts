import { readInteger, readModel, readSelect, readShare, readVersion, type Figure } from './clauses.ts'
import { readInterval, unitsMs } from './interval.ts'
import type { Reader } from './reader.ts'
import type { ChangeRollout, CreateRollout } from './statement.ts'

const every = {
  units: ['SECONDS', 'MINUTES', 'HOURS', 'DAYS', 'WEEKS'],
  minMs: unitsMs.SECONDS,
  maxMs: 4 * unitsMs.WEEKS,
} as const

const maxSteps = 20

/** What follows CREATE ROLLOUT. */
export function readCreateRollout(reader: Reader): CreateRollout {
  reader.expect('FOR MODEL')
  const model = readModel(reader)
  reader.expect('VERSION')
  const version = readVersion(reader).value
  const of = { kind: 'create_rollout', model, version } as const
  if (reader.accept('SHADOW')) {
    const token = reader.peek()
    const shadow = token.kind === 'number' ? readShare(reader) : 1
    if (shadow === 0) throw reader.failure(token, 'A SHADOW of no rows tells nothing.', 'A tenth of them is 0.1.')
    return { ...of, steps: [], everyMs: 0, gate: undefined, shadow }
  }
  reader.expect('STEPS')
  const steps = readSteps(reader)
  reader.expect('EVERY')
  const everyMs = readInterval(reader, every)
  const gate = reader.accept('GATE') ? readSelect(reader) : undefined
  return { ...of, steps, everyMs, gate, shadow: undefined }
}

/** `(5, 50, 100)`: each is more traffic than the one before, and the last is all of it. */
function readSteps(reader: Reader): readonly number[] {
  const open = reader.expectSign('(')
  const steps: Figure[] = []
  do {
    const step = readInteger(reader, 'a share of the traffic in percent', 1, 100)
    if (step.value <= (steps.at(-1)?.value ?? 0)) {
      throw reader.failure(step, 'Each of the STEPS must be more than the one before.')
    }
    steps.push(step)
  } while (reader.acceptSign(',') !== undefined)
  reader.expectSign(')')
  if (steps.length > maxSteps) throw reader.failure(open, `There can be ${maxSteps} STEPS at most.`)
  if (steps.at(-1)?.value !== 100) {
    throw reader.failure(steps.at(-1) ?? open, 'The last of the STEPS must be 100.')
  }
  return steps.map(({ value }) => value)
}

/** What follows PAUSE, RESUME or ABORT. */
export function readChangeRollout(reader: Reader, kind: ChangeRollout['kind']): ChangeRollout {
  reader.expect('ROLLOUT FOR MODEL')
  return { kind, model: readModel(reader) }
}
