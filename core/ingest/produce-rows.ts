import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import type { Place } from './append.ts'
import type { Deps } from './deps.ts'
import { authoriseWrite, write } from './write-events.ts'

/** Rows for a stream from whoever is told where each of them is: all are taken, or none. Each is the text of one JSON object. */
export async function produceRows(
  deps: Deps,
  ctx: Context,
  { stream, rows }: { readonly stream: string; readonly rows: readonly string[] },
): Promise<readonly Place[]> {
  authoriseWrite(ctx, stream)
  for (const [row, text] of rows.entries()) checkObject(text, row)
  const body = Buffer.from(`[${rows.join(',')}]`)
  const contentType = 'application/json'
  const how = { contentType, contentEncoding: '', idempotencyKey: '', wait: false, strict: true, dryRun: false }
  return deps.room(body.byteLength, async (held) => (await write(deps, ctx, { stream, body, ...how }, held)).places())
}

/** One value by itself: a text that closes the batch would be other rows than it says. */
function checkObject(text: string, row: number): void {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return
  } catch {
    // As what is JSON and no object.
  }
  throw new Failure('request.invalid', 'An event of a stream is a JSON object.', {
    errors: [{ pointer: `/${row}/value`, reason: 'must be the text of one JSON object' }],
  })
}
