import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { limits } from '../../core/limits.ts'
import { problems } from '../../mesh/errors.ts'

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

function shown(name: string, value: number): string {
  if (name.endsWith('Bytes')) {
    const unit = [1024 ** 3, 1024 ** 2, 1024].find((size) => value >= size && value % size === 0) ?? 1
    return `${(value / unit).toLocaleString('en')} ${{ [1024 ** 3]: 'GiB', [1024 ** 2]: 'MiB', 1024: 'KiB', 1: 'bytes' }[unit]}`
  }
  if (name.endsWith('Ms')) return value >= 1_000 ? `${(value / 1_000).toLocaleString('en')} s` : `${value} ms`
  if (name.endsWith('Seconds')) return `${value} s`
  return value.toLocaleString('en')
}

test('the README lists every bound of the core, with its value', () => {
  const rows = Object.entries(limits).flatMap(([domain, bounds]) =>
    Object.entries(bounds).map(([name, value]) => `| \`${domain}.${name}\` | ${shown(name, value)} |`),
  )
  const [, table = ''] = /<!-- limits -->\n([\s\S]*?)\n<!-- \/limits -->/.exec(readme) ?? []
  expect(table.split('\n').slice(2)).toEqual(rows)
})

test('every promise of the README is tried by tests that there are', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const rows = readme.split('\n').filter((line) => /^\| \*\*.*`test\//.test(line))
  expect(rows.length).toBeGreaterThan(15)
  for (const row of rows) {
    let folder = ''
    // A name without a path is beside the one before it.
    for (const [, name = ''] of (row.split(' | ').at(-1) ?? '').matchAll(/`([^`]+)`/g)) {
      const path = name.startsWith('test/') ? name : join(folder, name)
      folder = dirname(path)
      expect(
        ['', '.test.ts'].map((end) => existsSync(join(root, path + end))),
        path,
      ).toContain(true)
    }
  }
})

test('every problem says what it is and what to do', () => {
  for (const [code, { title, hint }] of Object.entries(problems)) {
    expect(code).toMatch(/^[a-z]+\.[a-z_]+$/)
    expect(title.length).toBeGreaterThan(3)
    expect(hint.length).toBeGreaterThan(5)
  }
})
