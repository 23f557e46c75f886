import type { Client } from '#mesh/rpc/call.ts'
import type { QueryService, ResultHead } from '#proto/edgewise/query/v1/query_pb.ts'
import { asCaller } from '../core.ts'
import type { Answer } from './answers.ts'
import { type Collected, collect } from './collect.ts'
import { etagOf } from './etag.ts'
import type { Question } from './question.ts'
import { type Answered as AnsweredOf, type Asker, through, type ThroughDeps } from './through.ts'

interface Rows {
  readonly head: ResultHead
  readonly body: ReadableStream<Uint8Array>
}

export type Answered = AnsweredOf<Rows>

export interface AnswerDeps extends ThroughDeps {
  readonly core: { readonly query: Pick<Client<typeof QueryService>, 'callQuery'> }
}

/** The answer to a question about rows. */
export async function answer(deps: AnswerDeps, question: Question, asker: Asker): Promise<Answered> {
  const { core, now } = deps
  const wanted = {
    key: question.key,
    workspace: question.workspace,
    cacheable: question.cacheable,
    async fetch(caller: Asker, signal: AbortSignal | undefined) {
      const collected = await collect(core.query.callQuery(question.call, asCaller({ ...caller, signal })))
      if (!collected.whole) return collected
      return { whole: true, answer: await answerOf(collected, question, now()) } as const
    },
    discard: ({ body }: Rows) => void body.cancel(),
  }
  return through<Rows>(deps, wanted, asker)
}

async function answerOf(
  { head, body, read }: Collected & { whole: true },
  question: Question,
  at: number,
): Promise<Answer> {
  const {
    ttlSeconds = 0,
    staleWhileRevalidateSeconds = 0,
    staleIfErrorSeconds = 0,
  } = question.description.said.cache ?? {}
  return {
    key: question.key,
    workspace: question.workspace,
    body,
    contentType: head.contentType,
    version: head.queryVersion,
    etag: await etagOf(body, head.contentType),
    read,
    storedAt: at,
    freshMs: ttlSeconds * 1000,
    revalidateMs: (ttlSeconds + staleWhileRevalidateSeconds) * 1000,
    errorMs: (ttlSeconds + staleIfErrorSeconds) * 1000,
  }
}
