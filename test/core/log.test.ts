import { DrizzleQueryError } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { createLog } from '../../core/log.ts'
import { WarehouseError } from '../../core/storage/warehouse.ts'
import { Failure } from '../../mesh/errors.ts'

function logged(err: unknown): string {
  let lines = ''
  createLog('info', { write: (line: string) => void (lines += line) })
    .child({ domain: 'rpc' })
    .error({ err }, 'broke')
  return lines
}

test('an error of the warehouse is logged without the values that it quotes', () => {
  const message = `Cannot parse string 'ann@example.com' as Int32, parsed text: "bob\\" @example.com" in column n`
  const error = new WarehouseError(6, 'CANNOT_PARSE_TEXT', message)
  const wrapped = new Failure('internal.error', 'The warehouse could not run the query.', { cause: error })
  for (const line of [logged(error), logged(wrapped), logged(new Error('a chore failed', { cause: wrapped }))]) {
    expect(line).toContain('Cannot parse string … as Int32, parsed text: … in column n')
    expect(line).toMatch(/log\.test/)
    expect(line).not.toContain('example.com')
  }
  expect(logged(new Error("cannot open 'lock'"))).toContain("'lock'")
})

test('an error of the control store is logged without its values', () => {
  const refused = Object.assign(new Error('invalid input syntax for type integer: "ann@example.com"'), {
    code: '22P02',
    detail: 'Key (email)=(ann@example.com) already exists.',
  })
  const error = new DrizzleQueryError('select $1', ['ann@example.com'], refused)
  const wrapped = new Failure('internal.error', 'An unexpected error occurred.', { cause: error })
  for (const line of [logged(error), logged(wrapped)]) {
    expect(line).toContain('invalid input syntax for type integer: …')
    expect(line).toContain('22P02')
    expect(line).toMatch(/log\.test/)
    expect(line).not.toContain('example.com')
    expect(line).not.toContain('select')
  }
})
