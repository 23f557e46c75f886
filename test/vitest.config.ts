import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { summary } from './support/summary.ts'

/** As JSON, too, for whoever wants to know later what was run. */
const report = process.env['TEST_REPORT'] || undefined
const json: ['json', { outputFile: string }][] = report === undefined ? [] : [['json', { outputFile: report }]]

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['default', summary, ...json],
    setupFiles: ['test/support/seed.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
})
