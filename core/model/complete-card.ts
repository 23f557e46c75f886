import { limitsOf } from './card-limits.ts'
import type { ModelDefinition } from './schema.ts'

interface Lineage {
  readonly definition: ModelDefinition
  /** The version that predicted when this one was made. */
  readonly parent: number | null
  /** The version of the program that trained it. */
  readonly code: string
}

type Card = Readonly<Record<string, unknown>>

/** A card with what its trainer does not know: where the model comes from, and what it is not good for. */
export function completeCard(card: Card, { definition, parent, code }: Lineage): Card {
  const { sql, target: _, options, ...clauses } = definition
  const { description, license, tags, ...said } = options
  return {
    ...card,
    limits: limitsOf(card),
    lineage: {
      query: sql.trim(),
      ...clauses,
      options: said,
      parent,
      code: `edgewise ${code}`,
      ...(description !== undefined && { description }),
      ...(license !== undefined && { license }),
      ...(tags !== undefined && { tags }),
    },
  }
}
