import { setImmediate } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { Failure } from '#mesh/errors.ts'
import type { IngestLimits } from './limits.ts'
import type { Rows } from './rows.ts'
import type { Validator } from './validate.ts'

export interface BadRow {
  /** Index in the batch. */
  readonly row: number
  readonly column: string
  readonly reason: string
  readonly text: string
}

/** What became of a batch's rows. */
export interface Judged {
  readonly good: { readonly row: number; readonly text: string; readonly id: string }[]
  readonly bad: BadRow[]
  /** Rows with fields that are to become columns. */
  readonly unknown: number[]
}

const rowsPerTurn = 2_000

/** Judges rows in turns, so that a large batch does not stand in everyone's way and stops when its caller has gone. */
export async function judge(
  ctx: Pick<Context, 'deadline' | 'signal'>,
  validate: Validator,
  rows: Rows,
  only: readonly number[] | undefined,
  limits: Pick<IngestLimits, 'maxRowBytes'>,
): Promise<Judged> {
  const judged: Judged = { good: [], bad: [], unknown: [] }
  const count = only?.length ?? rows.texts.length
  for (let i = 0; i < count; i++) {
    if (i > 0 && i % rowsPerTurn === 0) {
      await setImmediate()
      checkTime(ctx)
    }
    const row = only?.[i] ?? i
    const text = rows.texts[row]
    if (text === undefined) {
      const broken = rows.broken.get(row)
      judged.bad.push({ row, column: '', reason: broken?.reason ?? 'cannot be read', text: broken?.text ?? '' })
      continue
    }
    if (isLonger(text, limits.maxRowBytes)) {
      const reason = `has more than ${limits.maxRowBytes} bytes; only its beginning is kept`
      judged.bad.push({ row, column: '', reason, text: text.slice(0, 1_000) })
      continue
    }
    const verdict = validate(text)
    if (verdict.outcome === 'ok') judged.good.push({ row, text: verdict.text, id: verdict.id })
    else if (verdict.outcome === 'unknown') judged.unknown.push(row)
    else judged.bad.push({ row, column: verdict.column, reason: verdict.reason, text })
  }
  return judged
}

function checkTime(ctx: Pick<Context, 'deadline' | 'signal'>): void {
  if (ctx.deadline <= Date.now()) {
    throw new Failure('limit.deadline', 'The deadline passed before the batch was read.')
  }
  if (ctx.signal.aborted) throw new Failure('request.cancelled', 'The caller went away.')
}

/** A character has one to three bytes, so most texts need no counting. */
function isLonger(text: string, maxBytes: number): boolean {
  return text.length > maxBytes || (text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes)
}
