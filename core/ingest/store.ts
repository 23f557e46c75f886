import { and, asc, eq, gt, gte, inArray, lt, sql } from 'drizzle-orm'
import type { ControlDb, ControlTx } from '../storage/control.ts'
import { answers, streams } from './schema.ts'

export type StreamRow = typeof streams.$inferSelect
export type NewStreamRow = Omit<StreamRow, 'createdAt'>
export type AnswerRow = typeof answers.$inferSelect

type Db = ControlDb | ControlTx

const isStream = (workspace: string, name: string) => and(eq(streams.workspace, workspace), eq(streams.name, name))

export async function streamByName(db: Db, workspace: string, name: string): Promise<StreamRow | undefined> {
  const [row] = await db.select().from(streams).where(isStream(workspace, name))
  return row
}

/** The columns with personal data, of those of the named streams that have any. */
export async function personalColumns(
  db: Db,
  workspace: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await db
    .select({ name: streams.name, columns: streams.columns })
    .from(streams)
    .where(
      and(
        eq(streams.workspace, workspace),
        inArray(streams.name, [...names]),
        sql`${streams.columns} @> '[{"pii": true}]'::jsonb`,
      ),
    )
  return new Map(rows.map(({ name, columns }) => [name, columns.filter(({ pii }) => pii).map((column) => column.name)]))
}

/** By name; `only` bounds them to those named. */
export async function streamsAfter(
  db: Db,
  workspace: string,
  page: { readonly limit: number; readonly after: string; readonly only: readonly string[] | undefined },
): Promise<StreamRow[]> {
  return db
    .select()
    .from(streams)
    .where(
      and(
        eq(streams.workspace, workspace),
        eq(streams.state, 'ready'),
        gt(streams.name, page.after),
        page.only === undefined ? undefined : inArray(streams.name, [...page.only]),
      ),
    )
    .orderBy(asc(streams.name))
    .limit(page.limit)
}

/** Of all workspaces. */
export async function readyStreams(db: Db): Promise<Pick<StreamRow, 'workspace' | 'name' | 'columns'>[]> {
  const { workspace, name, columns } = streams
  return db.select({ workspace, name, columns }).from(streams).where(eq(streams.state, 'ready'))
}

export async function insertStream(db: Db, row: NewStreamRow): Promise<StreamRow | undefined> {
  const [stored] = await db.insert(streams).values(row).onConflictDoNothing().returning()
  return stored
}

export async function updateStream(
  db: Db,
  workspace: string,
  name: string,
  change: Partial<Omit<NewStreamRow, 'workspace' | 'name'>>,
): Promise<StreamRow | undefined> {
  const [stored] = await db.update(streams).set(change).where(isStream(workspace, name)).returning()
  return stored
}

export async function deleteStreamRow(db: Db, workspace: string, name: string): Promise<void> {
  await db.delete(streams).where(isStream(workspace, name))
  await db.delete(answers).where(and(eq(answers.workspace, workspace), eq(answers.stream, name)))
}

export async function answerByKey(
  db: Db,
  workspace: string,
  stream: string,
  key: string,
  since: Date,
): Promise<AnswerRow | undefined> {
  const [row] = await db
    .select()
    .from(answers)
    .where(
      and(eq(answers.workspace, workspace), eq(answers.stream, stream), eq(answers.key, key), gte(answers.at, since)),
    )
  return row
}

/** Replaces an answer that has outlived its time. */
export async function insertAnswer(db: Db, row: AnswerRow): Promise<void> {
  await db
    .insert(answers)
    .values(row)
    .onConflictDoUpdate({
      target: [answers.workspace, answers.stream, answers.key],
      set: { digest: row.digest, answer: row.answer, at: row.at },
    })
}

export async function deleteAnswersBefore(db: Db, before: Date): Promise<void> {
  await db.delete(answers).where(lt(answers.at, before))
}
