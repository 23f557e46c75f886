import type { FeaturePlan, InputPlan } from './plan.ts'
import { timeParts } from './time-parts.ts'

export interface PlannedFeature {
  readonly name: string
  /** Its place among the plan's inputs. */
  readonly input: number
  /** Present where it is a category. */
  readonly labels?: readonly string[]
}

/** The label of all texts that have no code of their own. */
const otherLabel = '(other)'

/** The columns of X, in their order. */
export function featuresOf({ inputs }: FeaturePlan): readonly PlannedFeature[] {
  return inputs.flatMap((input, at) => namesOf(input).map((named) => ({ ...named, input: at })))
}

function namesOf(input: InputPlan): readonly Omit<PlannedFeature, 'input'>[] {
  const { name } = input
  if (input.kind === 'number') return [{ name }]
  if (input.kind === 'category') return [{ name, labels: input.other ? [...input.labels, otherLabel] : input.labels }]
  return partsOf(input.parts).map(({ name: part, labels }) => ({ name: `${name}.${part}`, ...(labels && { labels }) }))
}

/** In their one order. */
export function partsOf(names: readonly string[]): typeof timeParts {
  return timeParts.filter(({ name }) => names.includes(name))
}
