import type { ModelName, Name, Part, Span } from './statement.ts'

/** What a prediction can be asked with: `SELECT target, target_explain FROM name[.version] [WHERE feature = literal AND …]` */
export interface PredictRow {
  readonly kind: 'predict_row'
  readonly explain: boolean
  readonly model: ModelName
  readonly outputs: readonly Output[]
  readonly features: readonly GivenFeature[]
  readonly format: string | undefined
}

/** `SELECT t.*, m.target FROM (SELECT …) AS t JOIN name[.version] [AS m]` */
export interface PredictRows {
  readonly kind: 'predict_rows'
  readonly explain: boolean
  readonly model: ModelName
  /** The rows that are predicted for. */
  readonly from: Part
  readonly outputs: readonly RowsOutput[]
  readonly format: string | undefined
}

export type ModelRead = PredictRow | PredictRows

/** One item of the list after SELECT. */
export interface Output extends Span {
  /** Undefined for `*`. */
  readonly column: Name | undefined
  /** What it is called in the answer, where that is not the column's own name. */
  readonly as: Name | undefined
}

export interface RowsOutput extends Output {
  /** Whose column it is: that of the rows, or an output of the model. */
  readonly of: 'rows' | 'model'
}

export interface GivenFeature {
  readonly feature: Name
  readonly value: Literal
}

/** `null` is a missing value. */
export type Literal = Span & ({ readonly value: string | number | boolean | null } | Parameter)

/** `{name:Type}` */
export interface Parameter {
  readonly parameter: string
  readonly type: string
}

export const forms =
  'A model is read in two ways: SELECT target FROM model WHERE feature = 1 AND …; ' +
  'or SELECT t.*, m.target FROM (SELECT …) AS t JOIN model AS m.'
