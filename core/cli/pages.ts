import type { Page } from '#mesh/client/index.ts'

/** All of a list, page by page. */
export async function everyPage<T>(read: (cursor: string | undefined) => Promise<Page<T>>): Promise<readonly T[]> {
  const found: T[] = []
  for (let cursor: string | undefined; ;) {
    const page = await read(cursor)
    found.push(...page.data)
    if (page.next_cursor === null) return found
    cursor = page.next_cursor
  }
}
