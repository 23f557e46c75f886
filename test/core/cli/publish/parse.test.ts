import { expect, test } from 'vitest'
import { parseQueryFile } from '../../../../core/cli/publish/parse.ts'

test('the leading comment says name, description, parameters, cache and limit', () => {
  const text = `-- Written by hand.
-- name: hours
-- description: Requests per hour
--   for a path prefix
-- cache: ttl 60s, swr 5m, sie 1h
-- limit: 100 per 60s, cost 2
-- param prefix: required, description What it begins with, e.g. /blog
-- param status: default 200, one of 200 | '4,04' | 500

SELECT 1 -- cache: not this one
`
  expect(parseQueryFile(text, 'other.sql')).toEqual({
    file: {
      name: 'hours',
      headerLines: 9,
      definition: {
        sql: 'SELECT 1 -- cache: not this one',
        description: 'Requests per hour for a path prefix',
        cache: { ttl_s: 60, swr_s: 300, stale_if_error_s: 3600 },
        limit: { requests: 100, window_s: 60, cost: 2 },
        params: {
          prefix: { required: true, description: 'What it begins with, e.g. /blog' },
          status: { default: '200', enum: ['200', '4,04', '500'] },
        },
      },
    },
  })
})

test('without a comment the file is the query, and its name the name', () => {
  expect(parseQueryFile('SELECT 1\n', 'one.sql')).toEqual({
    file: { name: 'one', headerLines: 0, definition: { sql: 'SELECT 1' } },
  })
})

test('what is not known is a mistake at its line, with what was probably meant', () => {
  const parsed = parseQueryFile(
    '-- descripton: x\n-- cache: tl 5s\n-- param a: requird\n-- limit: many\n',
    'Bad-Name.sql',
  )
  expect(parsed).toEqual({
    mistakes: [
      { line: 1, reason: 'unknown key `descripton`; did you mean `description`?' },
      { line: 2, reason: 'unknown `tl` in cache; did you mean `ttl`?' },
      { line: 3, reason: 'unknown `requird` in param; did you mean `required`?' },
      { line: 4, reason: '`many` is not such as `100 per 60s, cost 2`' },
      { line: 5, reason: 'there is no SQL' },
      { line: 1, reason: expect.stringContaining('Bad-Name is not a name') as string },
    ],
  })
})
