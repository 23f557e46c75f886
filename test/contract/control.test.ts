import { type SQL, sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe } from 'vitest'
import type { Control, ControlDb } from '../../core/storage/control.ts'
import { freshControl } from '../support/control.ts'
import { controlContract, rowsOf } from './control.ts'
import { controls, type Lie } from './controls.ts'

let control: Control
beforeAll(async () => {
  control = await freshControl([])
})
afterAll(() => control?.close())

/** The same one, emptied: to make one takes longer than all that is asked of it. */
async function emptied(): Promise<Control> {
  await control.db.execute(sql`drop table if exists kept`)
  return { ...control, close: () => Promise.resolve() }
}

controlContract(emptied)

/** Control stores that do what none may, and who finds that out. */
const lies: Readonly<Record<string, Lie<ControlDb>>> = {
  'has no transactions': {
    foundBy: [
      'a transaction that fails leaves nothing',
      'nobody sees what is never committed',
      'of many who change the same row at once none loses its change',
    ],
    of: (db) => ({ transaction: (work) => work(db as unknown as Parameters<typeof work>[0]) }),
  },
  'takes a second of anything': {
    foundBy: ['refuses a second of what there may be one of, by its SQLSTATE'],
    of: (db) => ({
      execute: ((query: SQL) => db.execute(query).catch(() => ({ rows: [] }))) as unknown as ControlDb['execute'],
    }),
  },
  'gives values back as texts': {
    foundBy: ['gives values back as they came'],
    of: (db) => ({
      execute: (async (query: SQL) => {
        const rows = await rowsOf(db, query)
        return {
          rows: rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, is]) => [name, String(is)]))),
        }
      }) as unknown as ControlDb['execute'],
    }),
  },
}

describe('controls', () => {
  controls(lies, (lie, register) => {
    const open = async (): Promise<Control> => {
      const honest = await emptied()
      return { ...honest, db: Object.assign(Object.create(honest.db) as ControlDb, lie(honest.db)) }
    }
    controlContract(open, register)
  })
})
