import { type SQL, sql } from 'drizzle-orm'
import * as vitest from 'vitest'
import { expect } from 'vitest'
import type { Control } from '../../core/storage/control.ts'
import type { Register } from './controls.ts'

type Db = Pick<Control['db'], 'execute' | 'transaction'>

export async function rowsOf(db: Pick<Db, 'execute'>, query: SQL): Promise<readonly Record<string, unknown>[]> {
  const { rows } = (await db.execute(query)) as { readonly rows: readonly Record<string, unknown>[] }
  return rows
}

const made = sql`create table kept (id int primary key, n int not null)`
const count = sql`select count(*)::int as n from kept`

/** What every engine of the control store promises; `open` opens one that is empty. */
export function controlContract(open: () => Promise<Control>, { describe, test }: Register = vitest): void {
  const withControl = async (use: (db: Db) => Promise<void>): Promise<void> => {
    const control = await open()
    try {
      await use(control.db)
    } finally {
      await control.close()
    }
  }

  describe('the control store', () => {
    test('a transaction that fails leaves nothing', () =>
      withControl(async (db) => {
        await db.execute(made)
        const failing = db.transaction(async (tx) => {
          await tx.execute(sql`insert into kept values (1, 1)`)
          throw new Error('no')
        })
        await expect(failing).rejects.toThrow('no')
        expect(await rowsOf(db, count)).toEqual([{ n: 0 }])
      }))

    test('nobody sees what is never committed', () =>
      withControl(async (db) => {
        await db.execute(made)
        let seen: Promise<readonly Record<string, unknown>[]> | undefined
        const failing = db.transaction(async (tx) => {
          await tx.execute(sql`insert into kept values (1, 1)`)
          seen = rowsOf(db, count)
          await tx.execute(sql`select pg_sleep(0.05)`)
          throw new Error('no')
        })
        await expect(failing).rejects.toThrow('no')
        expect(await seen).toEqual([{ n: 0 }])
      }))

    test('of many who change the same row at once none loses its change', () =>
      withControl(async (db) => {
        await db.execute(made)
        await db.execute(sql`insert into kept values (1, 0)`)
        const add = (): Promise<void> =>
          db.transaction(async (tx) => {
            const [row] = await rowsOf(tx, sql`select n from kept where id = 1 for update`)
            await tx.execute(sql`update kept set n = ${Number(row?.['n']) + 1} where id = 1`)
          })
        await Promise.all(Array.from({ length: 20 }, add))
        expect(await rowsOf(db, sql`select n from kept`)).toEqual([{ n: 20 }])
      }))

    test('refuses a second of what there may be one of, by its SQLSTATE', () =>
      withControl(async (db) => {
        await db.execute(made)
        const put = (): Promise<unknown> => db.execute(sql`insert into kept values (1, 1)`)
        await put()
        const refused: unknown = await put().catch((error: unknown) => error)
        expect(refused).toMatchObject({ cause: { code: '23505' } })
      }))

    test('gives values back as they came', () =>
      withControl(async (db) => {
        const text = `ü 🎉 ' " \\ ${'x'.repeat(100_000)}`
        const json = { n: 9007199254740991, s: text.slice(0, 20), list: [null, true, 0.1], deep: { a: {} } }
        const [row] = await rowsOf(
          db,
          sql`select ${text}::text as text, ${JSON.stringify(json)}::jsonb as json, 9223372036854775807::bigint::text as big,
          '\\x00ff'::bytea as bytes, ${'{"a","b,c"}'}::text[] as list, null::int as absent`,
        )
        expect(row).toMatchObject({ text, json, big: '9223372036854775807', list: ['a', 'b,c'], absent: null })
        expect(Buffer.from(row?.['bytes'] as Uint8Array)).toEqual(Buffer.of(0, 255))
      }))
  })
}
