import { quoteName } from '../storage/quote.ts'
import { columnSql } from './ddl.ts'
import { type MaskedColumn, maskedViewSql } from './masked.ts'

/**
 * The statements that make the view of what each thing of a table of its changes is now, and its masked view. By the version,
 * and not by the order in which changes came: two may have been sent at once, and one of them twice.
 */
export function currentViewSql(
  workspace: string,
  changes: string,
  columns: readonly MaskedColumn[],
  { name, key }: { readonly name: string; readonly key: readonly string[] },
  onCluster: string,
): readonly string[] {
  const shown = columns
    .filter((column) => column.name !== 'deleted')
    .map((column) => (column.name === 'time' ? { ...column, name: 'updated_at' } : column))
  const values = columns
    .filter((column) => column.name !== 'deleted')
    .map(({ name: column }, at) => `${valueOf(column, key)} AS ${quoteName(shown[at]?.name ?? '')}`)
  const groups = key.map((column) => `c.${quoteName(column)}`)
  return [
    [
      `CREATE VIEW IF NOT EXISTS ${quoteName(workspace)}.${quoteName(name)}${onCluster} (${shown.map(columnSql).join(', ')})`,
      `AS SELECT ${values.join(', ')} FROM ${quoteName(workspace)}.${quoteName(changes)} AS c`,
      `GROUP BY ${groups.join(', ')} HAVING NOT argMax(c.deleted, c.version)`,
    ].join(' '),
    maskedViewSql(workspace, name, shown, onCluster, 'CREATE VIEW IF NOT EXISTS', false),
  ]
}

function valueOf(column: string, key: readonly string[]): string {
  const name = `c.${quoteName(column)}`
  if (key.includes(column)) return name
  if (column === 'version') return `max(${name})`
  // Within a tuple, because argMax passes over NULL, and would find the value of before.
  return `tupleElement(argMax(tuple(${name}), c.version), 1)`
}
