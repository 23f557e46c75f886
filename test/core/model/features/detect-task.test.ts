import { expect, test } from 'vitest'
import { detectTask } from '../../../../core/model/features/detect-task.ts'
import { numbers, texts, times } from './fixture.ts'

test.each([
  ['texts', texts('y', ['a', 'b', null]), 'classification'],
  ['booleans', numbers('y', [0, 1, 1, Number.NaN]), 'classification'],
  ['two whole numbers', numbers('y', [-1, 1, -1]), 'classification'],
  ['a rating', numbers('y', [1, 2, 3, 4, 5]), 'classification'],
  ['digits', texts('y', ['1', '2', '3']), 'classification'],
  [
    'more than ten numbers as texts',
    texts(
      'y',
      Array.from({ length: 11 }, (_, at) => String(at)),
    ),
    'regression',
  ],
  [
    'more than ten texts',
    texts(
      'y',
      Array.from({ length: 11 }, (_, at) => `c${at}`),
    ),
    'classification',
  ],
  ['more than ten numbers', numbers('y', Array(11).keys()), 'regression'],
  ['few large numbers', numbers('y', [100, 200, 300]), 'regression'],
  ['fractions', numbers('y', [0.5, 1]), 'regression'],
  ['times', times('y', [0, 1]), 'regression'],
])('%s', (_, column, task) => {
  expect(detectTask(column)).toBe(task)
})
