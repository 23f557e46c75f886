import type { MessageInitShape } from '@bufbuild/protobuf'
import type { Violation } from '#mesh/errors.ts'
import type { Plan as PlanMessage, PlanSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'

/** How much an actor may ask, as it is stored: what is absent is unlimited, as is 0. */
export interface Plan {
  readonly name: string
  readonly requests: number
  readonly windowSeconds: number
  readonly rows?: number
  readonly bytes?: number
  readonly events?: number
  readonly burst?: number
  readonly concurrency?: number
}

/** What is counted in the plan's window, and so compared with it. */
const counted = ['requests', 'rows', 'bytes', 'events'] as const
/** What bounds a moment, whatever the window. */
const atOnce = ['burst', 'concurrency'] as const

/** Stored as JSON, whose numbers are exact to 2^53. */
export function planOf(message: PlanMessage): Plan {
  const { name, requests, windowSeconds, burst, concurrency } = message
  const [rows, bytes, events] = [Number(message.rows), Number(message.bytes), Number(message.events)]
  return {
    name,
    requests,
    windowSeconds,
    ...(rows > 0 && { rows }),
    ...(bytes > 0 && { bytes }),
    ...(events > 0 && { events }),
    ...(burst > 0 && { burst }),
    ...(concurrency > 0 && { concurrency }),
  }
}

export function planMessage(plan: Plan): MessageInitShape<typeof PlanSchema> {
  const { rows = 0, bytes = 0, events = 0, ...rest } = plan
  return { ...rest, rows: BigInt(rows), bytes: BigInt(bytes), events: BigInt(events) }
}

/** What is wrong with a plan by itself. */
export function planViolations(plan: Plan): Violation[] {
  const errors: Violation[] = []
  for (const unit of counted) {
    if (!Number.isSafeInteger(plan[unit] ?? 0)) errors.push({ pointer: `/plan/${unit}`, reason: 'must be below 2^53' })
  }
  const hasWindow = plan.windowSeconds >= 1 && plan.windowSeconds <= 86_400
  if (counted.some((unit) => (plan[unit] ?? 0) > 0) && !hasWindow) {
    errors.push({ pointer: '/plan/window_s', reason: 'must be 1 to 86,400 seconds' })
  }
  const { burst = 0, requests } = plan
  if (burst > requests) errors.push({ pointer: '/plan/burst', reason: 'must not be more than requests' })
  return errors
}

/** Where a plan gives more than its maker's own. */
export function planExcesses(asked: Plan, own: Plan): Violation[] {
  const errors: Violation[] = []
  for (const unit of counted) {
    if (isFaster(asked, own, unit)) {
      errors.push({ pointer: `/plan/${unit}`, reason: 'must not be faster than your own plan' })
    }
  }
  for (const bound of atOnce) {
    if (own[bound] !== undefined && own[bound] > 0 && !isBelow(asked[bound], own[bound])) {
      errors.push({ pointer: `/plan/${bound}`, reason: `must be 1 to ${own[bound]}, as in your own plan` })
    }
  }
  return errors
}

/** The plan of a key for which none is asked: the usual one, unless its maker's own is slower in anything. */
export function slower(usual: Plan, own: Plan | undefined): Plan {
  return own !== undefined && planExcesses(usual, own).length > 0 ? own : usual
}

/** In the long run, or at once: many requests of a long window may all come in its first second. */
function isFaster(asked: Plan, own: Plan, unit: (typeof counted)[number]): boolean {
  const [wanted, held] = [asked[unit] ?? 0, own[unit] ?? 0]
  if (wanted === 0 || held === 0) return wanted === 0 && held > 0
  return wanted > held || wanted / asked.windowSeconds > held / own.windowSeconds
}

function isBelow(asked: number | undefined, own: number): boolean {
  return asked !== undefined && asked > 0 && asked <= own
}
