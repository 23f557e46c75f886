import type { Session } from '../../auth/sessions.ts'
import type { Answer } from '../../cache/answers.ts'
import type { Question } from '../../cache/question.ts'
import type { Meter } from '../../limit/limiter.ts'

const maxResolutions = 4_096
const maxTargetLength = 1_024

/** What one request line of one caller came to when it was checked: asked again, nothing of it is checked again. */
export interface Resolution {
  readonly question: Question
  readonly name: string
  readonly cost: number
  readonly meter: Meter | undefined
  /** The answer last given and its headers, made once. */
  given?: { readonly answer: Answer; readonly headers: Headers; stampedAt: number }
  /** Those headers warn that the plan is nearly used up. */
  isWarned?: boolean
}

/** Valid as long as the session and the description that they were made of. */
export function createResolutions() {
  const known = new Map<string, Resolution>()
  return {
    get: (session: Session, target: string, accept: string): Resolution | undefined => {
      const found = known.get(`${session.id} ${accept} ${target}`)
      return found?.question.description.current === true ? found : undefined
    },
    set(session: Session, target: string, accept: string, resolution: Resolution): void {
      if (target.length + accept.length > maxTargetLength) return
      if (known.size >= maxResolutions) known.clear()
      known.set(`${session.id} ${accept} ${target}`, resolution)
    },
  }
}
