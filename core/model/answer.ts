/** What a statement about models answers: a table, each row a JSON object. */
export interface Answer {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  /** What was asked for has begun, and goes on. */
  readonly accepted?: boolean
  /** What answered, as `churn@3; …`. */
  readonly model?: string
}

/** A table of these columns: `answerOf({ name: 'String' }, rows)`. */
export function answerOf(types: Readonly<Record<string, string>>, rows: Answer['rows']): Answer {
  return { columns: Object.entries(types).map(([name, type]) => ({ name, type })), rows }
}
