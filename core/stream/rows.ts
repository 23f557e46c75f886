import type { StoredRecord } from '../storage/log.ts'

/**
 * Records as the lines of an insert: each row's own text with its place in the log spliced in front. The text is not
 * parsed here, so numbers that JavaScript cannot hold arrive as they were sent.
 */
export function rowsOf(partition: number, records: readonly StoredRecord[]): string {
  const lines: string[] = []
  for (const { offset, value } of records) {
    const rest = value.slice(1)
    const comma = rest.trimStart().startsWith('}') ? '' : ','
    lines.push(`{"_partition":${partition},"_offset":${offset}${comma}${rest}`)
  }
  return lines.join('\n')
}
