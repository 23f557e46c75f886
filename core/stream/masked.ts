import { columnSql, hiddenSql } from './ddl.ts'
import { hiddenColumns, maskedDatabase } from './names.ts'
import { quoteName, quoteText } from '../storage/quote.ts'

export interface MaskedColumn {
  readonly name: string
  readonly type: string
  readonly pii: boolean
}

/**
 * The view of a stream for whoever may not see personal data: a constant in its columns, NULL where the type has it, else
 * what the type is empty with. Not a hash: of a short list of values one can find out which it is of.
 */
export function maskedViewSql(
  workspace: string,
  stream: string,
  columns: readonly MaskedColumn[],
  onCluster: string,
  create: 'CREATE OR REPLACE VIEW' | 'CREATE VIEW IF NOT EXISTS' = 'CREATE OR REPLACE VIEW',
  isTable = true,
): string {
  const values = columns.map(({ name, type, pii }) =>
    pii
      ? `CAST(defaultValueOfTypeName(${quoteText(type)}), ${quoteText(type)}) AS ${quoteName(name)}`
      : quoteName(name),
  )
  return [
    `${create} ${quoteName(maskedDatabase(workspace))}.${quoteName(stream)}${onCluster}`,
    `(${[...columns.map(columnSql), ...(isTable ? [hiddenSql] : [])].join(', ')})`,
    `AS SELECT ${[...values, ...(isTable ? hiddenColumns : [])].join(', ')} FROM ${quoteName(workspace)}.${quoteName(stream)}`,
  ].join(' ')
}
