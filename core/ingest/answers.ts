import { hash } from 'node:crypto'
import { Failure } from '#mesh/errors.ts'
import type { ControlDb } from '../storage/control.ts'
import type { IngestLimits } from './limits.ts'
import { answerByKey, deleteAnswersBefore, insertAnswer } from './store.ts'

/** What a request with an Idempotency-Key was told. JSON can hold it. */
export interface Answer {
  readonly accepted: number
  readonly quarantined: number
  readonly errors: readonly { readonly row: number; readonly column: string; readonly reason: string }[]
  readonly offsets: readonly { readonly partition: number; readonly offset: number }[]
  /** The stream was made or got columns, and has this version since. */
  readonly changed: boolean
}

export interface Answers {
  /** The answer of before, or that of `work`, which runs once however often the key comes at a time. */
  once(
    request: { readonly workspace: string; readonly stream: string; readonly key: string; readonly digest: string },
    work: () => Promise<Answer>,
  ): Promise<{ readonly answer: Answer; readonly replayed: boolean }>
  /** Forgets what is older than answers are kept. */
  prune(now: number): Promise<void>
}

/** The request's identity beyond its key: what was sent, and as what. */
export function requestDigest(body: Uint8Array, contentType: string, contentEncoding: string, strict: boolean): string {
  return hash('sha256', `${hash('sha256', body, 'hex')}\n${contentType}\n${contentEncoding}\n${strict}`, 'hex')
}

export function createAnswers(db: ControlDb, limits: Pick<IngestLimits, 'answerKeptMs'>): Answers {
  const inFlight = new Map<string, { readonly digest: string; readonly answer: Promise<Answer> }>()

  function conflict(): Failure {
    return new Failure('request.idempotency_conflict', 'This Idempotency-Key came with another body before.', {
      errors: [{ pointer: 'Idempotency-Key', reason: 'belongs to another request of the last 24 hours' }],
    })
  }

  return {
    async once({ workspace, stream, key, digest }, work) {
      const place = `${workspace}.${stream}.${key}`
      for (;;) {
        const running = inFlight.get(place)
        if (running === undefined) break
        if (running.digest !== digest) throw conflict()
        // Whoever runs it may fail, or be cancelled by its own caller: then this request does the work.
        const answer = await running.answer.catch(() => undefined)
        if (answer !== undefined) return { answer, replayed: true }
      }
      const { promise, resolve, reject } = Promise.withResolvers<Answer>()
      promise.catch(() => {})
      inFlight.set(place, { digest, answer: promise })
      try {
        const stored = await answerByKey(db, workspace, stream, key, new Date(Date.now() - limits.answerKeptMs))
        if (stored !== undefined) {
          if (stored.digest !== digest) throw conflict()
          resolve(stored.answer as Answer)
          return { answer: stored.answer as Answer, replayed: true }
        }
        const answer = await work()
        await insertAnswer(db, { workspace, stream, key, digest, answer, at: new Date() })
        resolve(answer)
        return { answer, replayed: false }
      } catch (error) {
        reject(error)
        throw error
      } finally {
        inFlight.delete(place)
      }
    },
    prune: (now) => deleteAnswersBefore(db, new Date(now - limits.answerKeptMs)),
  }
}
