import { isUtf8 } from 'node:buffer'
import { Failure } from '#mesh/errors.ts'
import type { IngestLimits } from './limits.ts'
import type { Broken, Rows } from './rows.ts'

/** One row a line; a line that cannot be read is one bad row, and the others stand. Blank lines are nothing. */
export function decodeNdjson(body: Buffer, limits: Pick<IngestLimits, 'maxRows' | 'maxRowBytes'>): Rows {
  const texts: (string | undefined)[] = []
  const broken = new Map<number, Broken>()
  const utf8 = isUtf8(body)
  // Where every byte is valid the whole is decoded at once; otherwise line by line, so that one line is to blame.
  const whole = utf8 ? body.toString('utf8') : body.toString('latin1')
  let at = whole.startsWith(utf8 ? '\uFEFF' : '\u00EF\u00BB\u00BF') ? (utf8 ? 1 : 3) : 0
  while (at < whole.length) {
    const newline = whole.indexOf('\n', at)
    const next = newline === -1 ? whole.length : newline
    const end = next > at && whole.charCodeAt(next - 1) === 0x0d ? next - 1 : next
    const line = whole.slice(at, end)
    at = next + 1
    if (line.trim() === '') continue
    if (texts.length === limits.maxRows) {
      throw new Failure('request.too_large', `The batch has more than ${limits.maxRows} rows.`)
    }
    if (!utf8) {
      const bytes = Buffer.from(line, 'latin1')
      const text = bytes.toString('utf8')
      if (isUtf8(bytes)) texts.push(text)
      else {
        broken.set(texts.length, { reason: 'is not valid UTF-8', text })
        texts.push(undefined)
      }
    } else texts.push(line)
  }
  return { texts, broken }
}
