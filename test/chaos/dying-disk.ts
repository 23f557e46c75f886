/**
 * Loaded before the core (`NODE_OPTIONS=--import=…`): it ends itself, as kill −9 would, at one step of writing an object.
 * The file that DIES_AT names holds the step's number, and is gone once that has happened. A step is before each piece of
 * the file, then before it gets its name, then after.
 */
import fs, { existsSync, readFileSync, rmSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { sep } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const pieces = 8
export const steps = pieces + 2

const { appendFile, copyFile, readFile, rename, writeFile } = fs.promises
const diesAt = process.env['DIES_AT']
let step = 0

function pass(): void {
  if (diesAt === undefined || !existsSync(diesAt) || Number(readFileSync(diesAt, 'utf8')) !== step++) return
  rmSync(diesAt)
  process.kill(process.pid, 'SIGKILL')
}

const isObject = (path: unknown): path is string => typeof path === 'string' && path.includes(`${sep}objects${sep}`)

async function writeInPieces(path: string, bytes: Uint8Array): Promise<void> {
  await writeFile(path, '')
  for (let at = 0; at < pieces; at++) {
    pass()
    const [from, to] = [at, at + 1].map((part) => Math.floor((bytes.length * part) / pieces))
    await appendFile(path, bytes.subarray(from, to))
    await sleep(5)
  }
}

if (diesAt !== undefined) {
  Object.assign(fs.promises, {
    writeFile(path: unknown, bytes: Uint8Array, options: object) {
      if (!isObject(path)) return writeFile(path as string, bytes, options)
      step = 0
      return writeInPieces(path, bytes)
    },
    async copyFile(from: string, to: string) {
      return isObject(to) ? writeInPieces(to, await readFile(from)) : copyFile(from, to)
    },
    async rename(from: string, to: string) {
      if (!isObject(to)) return rename(from, to)
      pass()
      await rename(from, to)
      pass()
    },
  })
  syncBuiltinESMExports()
}
