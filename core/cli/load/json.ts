import { CliError } from '../exit.ts'
import type { Piece } from './batches.ts'
import { maxRowBytes } from './lines.ts'

const backslash = 0x5c
const quote = 0x22
const isOpening = (byte: number): boolean => byte === 0x7b || byte === 0x5b
const isClosing = (byte: number): boolean => byte === 0x7d || byte === 0x5d
const isBlank = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/**
 * The objects of a JSON array (or one object, or several after one another) as lines, each as the text it is in the file:
 * parsing here would lose digits that the gateway keeps. Newlines between tokens become blanks.
 */
export async function* elementsOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Piece> {
  let position = 0
  let began = 0
  let depth = 0
  let inArray: boolean | undefined
  let inString = false
  let escaped = false
  let held: number[] = []
  for await (const chunk of chunks) {
    for (const byte of chunk) {
      const at = position++
      if (depth > 0) {
        held.push(!inString && (byte === 0x0a || byte === 0x0d) ? 0x20 : byte)
        if (held.length > maxRowBytes)
          throw new CliError(`The row at byte ${began} is larger than ${maxRowBytes >> 20} MB.`)
        if (inString) {
          if (escaped) escaped = false
          else if (byte === backslash) escaped = true
          else if (byte === quote) inString = false
        } else if (byte === quote) inString = true
        else if (isOpening(byte)) depth++
        else if (isClosing(byte) && --depth === 0) {
          held.push(0x0a)
          yield { offset: began, bytes: Uint8Array.from(held) }
          held = []
        }
      } else if (byte === 0x5b && inArray === undefined) inArray = true
      else if (byte === 0x7b) {
        inArray ??= false
        depth = 1
        began = at
        held.push(byte)
      } else if (!isBlank(byte) && byte !== 0x2c && !(byte === 0x5d && inArray === true) && !(at < 3 && byte >= 0xbb)) {
        throw new CliError(`Byte ${at} is not the beginning of a JSON object.`, {
          hint: 'Rows are objects: an array of them, or one after the other.',
        })
      }
    }
  }
  if (depth > 0) throw new CliError(`The JSON ends within the object that begins at byte ${began}.`)
}
