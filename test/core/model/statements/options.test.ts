import { describe, expect, test } from 'vitest'
import { optionNames, options } from '../../../../core/model/statements/options.ts'

describe('every option', () => {
  test.each(optionNames)('%s says what it can be, what it does, and whose it is', (name) => {
    const { type, engines, summary } = options[name]
    expect(name).toMatch(/^[a-z][a-z0-9_]*$/)
    expect(type.says).toMatch(/^[^A-Z].*[^.]$/)
    expect(summary).toMatch(/^[A-Z].*\.$/)
    expect(engines.length).toBeGreaterThan(0)
  })
})
