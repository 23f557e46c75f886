import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { loadScript } from '../../../core/redis/scripts.ts'

const source = readFileSync(fileURLToPath(import.meta.resolve('@upstash/ratelimit')), 'utf8')
const scripts = [...source.matchAll(/var (\w*Script\d?) = `([^`]*)`/g)].map(([, name = '', text = '']) => ({
  name,
  text: text.replace('${tokenBucketIdentifierNotFound}', '-1'),
}))

describe('the scripts of @upstash/ratelimit', () => {
  test('are found in it', () => {
    expect(scripts.length).toBe(14)
  })

  test.each(scripts)('$name may be run', ({ text }) => {
    expect(loadScript(new Map(), text)).toMatch(/^[\da-f]{40}$/)
  })

  test('may not be changed', () => {
    for (const { text } of scripts) expect(loadScript(new Map(), `${text} `)).toBeUndefined()
  })

  test('go on without the first line, which is for another server', () => {
    const texts = new Map<string, string>()
    const sha = loadScript(texts, scripts[0]?.text ?? '') ?? ''
    expect(texts.get(sha)).toMatch(/^\n\s+local key/)
  })
})
