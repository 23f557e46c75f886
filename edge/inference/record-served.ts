import type { Session } from '../auth/sessions.ts'
import type { Background } from '../core.ts'
import type { Deps } from '../deps.ts'
import type { Arm } from './arm.ts'
import type { Predicted } from './ladder.ts'

/** Has what was answered recorded, as far as the model's owner said: of every way to predict. */
export function recordServed(
  { served }: Pick<Deps, 'served'>,
  { session, requestId }: { readonly session: Session; readonly requestId: string },
  { subject, side }: Pick<Arm, 'subject' | 'side'>,
  {
    serving: { name: model, version, recordShare: share },
    rows,
    answers,
    placement,
  }: Pick<Predicted, 'serving' | 'answers' | 'placement'> & { readonly rows: readonly unknown[] },
  background: Background,
): void {
  const { workspace } = session.actor
  served.record(
    { workspace, requestId, subject, model, version, arm: side, placement, share, rows, answers },
    background,
  )
}
