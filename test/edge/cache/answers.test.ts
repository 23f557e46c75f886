import { describe, expect, test } from 'vitest'
import { type Answer, createAnswers } from '../../../edge/cache/answers.ts'
import { etagOf, matches } from '../../../edge/cache/etag.ts'

function answer(key: string, bytes = 9_000, workspace = 'main'): Answer {
  const times = { storedAt: 0, freshMs: 1, revalidateMs: 1, errorMs: 1 }
  const body = new Uint8Array(bytes)
  return { key, workspace, body, contentType: 'text/csv', version: 1, etag: '""', read: undefined, ...times }
}

describe('the cache', () => {
  test('stays within its bytes and gives up what was used least recently', () => {
    const answers = createAnswers({ maxBytes: 32_000 })
    for (const key of ['a', 'b', 'c']) answers.put(answer(key))
    answers.get('a')
    answers.put(answer('d'))
    expect([answers.get('a'), answers.get('b')].map((found) => found?.key)).toEqual(['a', undefined])
    for (let i = 0; i < 1_000; i++) {
      answers.put(answer(`k${i}`, i * 10))
      expect(answers.bytes).toBeLessThanOrEqual(32_000)
    }
  })

  test('does not keep what is larger than all of it, and counts a replaced answer once', () => {
    const answers = createAnswers({ maxBytes: 32_000 })
    answers.put(answer('a'))
    const before = answers.bytes
    answers.put(answer('a'))
    expect(answers.bytes).toBe(before)
    answers.put(answer('a', 40_000))
    expect([answers.size, answers.bytes]).toEqual([0, 0])
  })

  test('forgets one workspace without the others', () => {
    const answers = createAnswers({ maxBytes: 64_000 })
    answers.put(answer('a'))
    answers.put(answer('b', 10, 'other'))
    answers.forget('main')
    expect([answers.get('a'), answers.get('b')].map((found) => found?.key)).toEqual([undefined, 'b'])
  })
})

describe('an ETag', () => {
  const bytes = (text: string) => new Uint8Array(new TextEncoder().encode(text))
  const json = 'application/json; charset=utf-8'

  test('leaves the statistics out, and nothing else', async () => {
    const one = await etagOf(bytes('{"data":[1],"statistics":{"elapsed":0.1}}'), json)
    expect(await etagOf(bytes('{"data":[1],"statistics":{"elapsed":0.2}}'), json)).toBe(one)
    expect(await etagOf(bytes('{"data":[2],"statistics":{"elapsed":0.1}}'), json)).not.toBe(one)
  })

  test('is not deceived by a column of that name in an answer without them', async () => {
    const row = (value: number) => bytes(JSON.stringify({ data: [{ statistics: { value } }], rows: 1 }))
    expect(await etagOf(row(1), json)).not.toBe(await etagOf(row(2), json))
  })

  test('is not deceived by a value that looks like the statistics', async () => {
    const row = (value: string) => bytes(JSON.stringify({ data: [{ a: `"statistics"${value}` }], rows: 1 }))
    expect(await etagOf(row('a'), json)).not.toBe(await etagOf(row('b'), json))
    const csv = (value: string) => bytes(`a\n"statistics"${value}`)
    expect(await etagOf(csv('a'), 'text/csv')).not.toBe(await etagOf(csv('b'), 'text/csv'))
  })

  test.each([
    ['W/"a"', true],
    ['"a"', true],
    ['"b", W/"a"', true],
    ['*', true],
    ['"b"', false],
    [null, false],
  ])('matches %s weakly: %s', (ifNoneMatch, expected) => {
    expect(matches(ifNoneMatch, 'W/"a"')).toBe(expected)
  })
})
