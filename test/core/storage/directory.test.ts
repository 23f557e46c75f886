import { mkdirSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { embeddedLog, keepToLog, keepToWarehouse, openDataDirectory } from '../../../core/storage/directory.ts'
import { temporaryDirectory } from '../../support/directory.ts'

const made: { remove(): void }[] = []
afterEach(() => {
  for (const directory of made.splice(0)) directory.remove()
})

function open() {
  const temporary = temporaryDirectory()
  made.push(temporary)
  return openDataDirectory(temporary.path)
}

test('a data directory keeps to the log that its warehouse was filled from', () => {
  const directory = open()
  keepToLog(directory, 'a on the Kafka cluster x')
  keepToLog(directory, 'a on the Kafka cluster x')
  for (const other of ['a on the Kafka cluster y', 'b on the Kafka cluster x', embeddedLog]) {
    expect(() => keepToLog(directory, other)).toThrow(/was filled from a on the Kafka cluster x, not from/)
  }
  directory.release()
})

test('a data directory of before has the embedded log', () => {
  const directory = open()
  mkdirSync(directory.at('log'))
  expect(() => keepToLog(directory, 'a on the Kafka cluster x')).toThrow(expect.objectContaining({ exitCode: 78 }))
  keepToLog(directory, embeddedLog)
  directory.release()
})

test('a data directory keeps to the kind of its warehouse, and one of before has it embedded', () => {
  const directory = open()
  expect(keepToWarehouse(directory, 'ClickHouse')).toBe(false)
  expect(keepToWarehouse(directory, 'ClickHouse')).toBe(true)
  expect(() => keepToWarehouse(directory, 'embedded')).toThrow(/Set CLICKHOUSE_URL as it was/)
  directory.release()
  const before = open()
  mkdirSync(before.at('warehouse'))
  expect(() => keepToWarehouse(before, 'ClickHouse')).toThrow(expect.objectContaining({ exitCode: 78 }))
  expect(keepToWarehouse(before, 'embedded')).toBe(true)
  before.release()
})
