import { readInteger, readModel, readSelect, readVersion, type Figure } from './clauses.ts'
import { readInterval, unitsMs } from './interval.ts'
import type { Reader } from './reader.ts'
import type { ChangeRollout, CreateRollout, Part } from './statement.ts'

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
  reader.expect('STEPS')
  const steps = readSteps(reader)
  reader.expect('EVERY')
  const everyMs = readInterval(reader, every)
  let gate: Part | undefined
  let shadow = false
  for (;;) {
    if (gate === undefined && reader.accept('GATE')) gate = readSelect(reader)
    else if (!shadow && reader.accept('SHADOW')) shadow = true
    else return { kind: 'create_rollout', model, version, steps, everyMs, gate, shadow }
  }
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
