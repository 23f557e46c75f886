import { expect, test } from 'vitest'

import { untilException } from '../../../../core/storage/clickhouse/body.ts'
import { errorOf } from '../../../contract/warehouse.ts'

const tag = '0123456789abcdef'
const message =
  "Code: 395. DB::Exception: it said '(NO)' to us. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO) (version 26.7.2.1)"
const block = `\r\n__exception__\r\n${tag}\r\n${message}\n${message.length + 1} ${tag}\r\n__exception__\r\n`

async function* inChunks(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

test('an exception in the body is thrown with what was said, wherever the chunks are cut', async () => {
  for (let size = 1; size < 200; size++) {
    let passed = ''
    const error = await errorOf(
      (async () => {
        for await (const chunk of untilException(inChunks(`a,b\r\n1,2\r\n${block}`, size), tag))
          passed += Buffer.from(chunk).toString()
      })(),
    )
    expect(passed).toBe('a,b\r\n1,2\r\n')
    expect(error).toMatchObject({
      number: 395,
      kind: 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO',
      message: "it said '(NO)' to us.",
    })
  }
})

test('what only looks like an exception is data', async () => {
  const text = `\r\n__exception__\r\n\r\n__exception__\r\nfedcba9876543210\r\nx\r\n__exception__\r\n${tag.slice(0, 9)}`
  for (let size = 1; size < 60; size++) {
    let passed = ''
    for await (const chunk of untilException(inChunks(text, size), tag)) passed += Buffer.from(chunk).toString()
    expect(passed).toBe(text)
  }
})
