/**
 * How long `start` takes until the gateway answers, on a new data directory and on one that it has used, and what each
 * process holds in memory at rest.
 *
 *   node test/bench/start.ts [--rounds 3]
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { temporaryDirectory } from '../support/directory.ts'
import { processTree } from '../support/processes.ts'
import { startProduct } from '../support/product.ts'
import { median, table } from './report.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } })
const first: number[] = []
const again: number[] = []
let memory: (readonly [string, string])[] = []

for (let round = 0; round < Number(values.rounds); round++) {
  const directory = temporaryDirectory()
  const data = join(directory.path, 'data')
  try {
    for (const times of [first, again]) {
      const product = await startProduct({ data })
      times.push(product.readyMs)
      if (times === again && round === 0) {
        await sleep(5_000)
        memory = memoryOf(product.pid)
      }
      await product.stop()
    }
  } finally {
    directory.remove()
  }
}

const range = (times: readonly number[]) =>
  [median(times), Math.min(...times), Math.max(...times)].map((ms) => `${(ms / 1_000).toFixed(2)} s`)
table('From `start` to the first answer of /health/ready', [
  ['', 'median', 'least', 'most'],
  ['new data directory', ...range(first)],
  ['used data directory', ...range(again)],
])
table('Memory at rest (resident), 5 s after the start', [['process', 'MiB'], ...memory])

function memoryOf(root: number): (readonly [string, string])[] {
  return processTree(root).flatMap(({ pid, command }) => {
    const mib = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024
    const name = command.find((word) => /\.ts$|workerd$/.test(word))?.replace(/^.*\/(?=core\/|workerd$)/, '')
    return name === undefined || command[0] === '/bin/sh' ? [] : [[name, mib.toFixed(0)] as const]
  })
}
