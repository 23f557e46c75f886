import { sql } from 'drizzle-orm'
import type { Logger } from 'pino'
import { type Db, type DrizzleTransactionLike, fromDrizzle, type Job, PgBoss } from 'pg-boss'
import type { ControlTx } from './control.ts'

export interface QueueOptions {
  /** Attempts after the first, of one whose process died. */
  readonly retries: number
  /** A process that was silent for so long is dead. */
  readonly heartbeatSeconds: number
  /** At once in this process, and of one group. */
  readonly concurrency: number
  readonly concurrencyOfGroup: number
}

export interface Task {
  readonly id: string
  /** Groups take turns. */
  readonly group: string
  readonly timeoutSeconds: number
}

/** Work that outlives its request, and the process that began it. */
export interface Jobs {
  /** Asks for it in the transaction that needs it: there is never one without the other. */
  send(tx: ControlTx, queue: string, task: Task): Promise<void>
  /** Does what is asked for, from now on. The signal aborts when its time is over, or at a stop. */
  work(queue: string, options: QueueOptions, perform: (id: string, signal: AbortSignal) => Promise<void>): Promise<void>
  cancel(queue: string, id: string): Promise<void>
  /** Whether it waits or is worked on. */
  isOpen(queue: string, id: string): Promise<boolean>
  close(): Promise<void>
}

export interface JobsOptions {
  readonly db: Db
  readonly backend: 'pglite' | 'postgres'
  readonly log: Logger
}

const superviseSeconds = 5
/** Of what nobody is told of: a job whose process died, that is to be done again. */
const pollSeconds = 5

/** pg-boss over the control store. https://timgit.github.io/pg-boss/ */
export async function openJobs({ db, backend, log }: JobsOptions): Promise<Jobs> {
  const boss = new PgBoss({
    db,
    backend,
    schema: 'jobs',
    schedule: false,
    useListenNotify: db.listen !== undefined,
    superviseIntervalSeconds: superviseSeconds,
    monitorIntervalSeconds: superviseSeconds,
  })
  boss.on('error', (error) => log.error({ err: error }, 'the job queue failed; it is tried again'))
  await boss.start()
  return {
    async send(tx, queue, { id, group, timeoutSeconds }) {
      await boss.send(
        queue,
        {},
        {
          id,
          group: { id: group },
          expireInSeconds: timeoutSeconds,
          db: fromDrizzle(tx as unknown as DrizzleTransactionLike, sql),
        },
      )
    },
    async work(queue, { retries, heartbeatSeconds, concurrency, concurrencyOfGroup }, perform) {
      await boss.createQueue(queue, { retryLimit: retries, heartbeatSeconds, notify: true })
      // Known from here on: asking for it inside a transaction of the one connection would wait for itself.
      await boss.getQueue(queue)
      // Whoever ends a job looks for the next at once: of its group some may wait that nobody was allowed to take, and of
      // which nobody is told again. pg-boss wakes a worker by its id, so each is begun by itself.
      const begin = async (): Promise<void> => {
        const worker: Promise<string> = boss.work(
          queue,
          { localGroupConcurrency: concurrencyOfGroup, notifyPollingIntervalSeconds: pollSeconds },
          async (tasks: Job<unknown>[]) => {
            try {
              for (const { id, signal } of tasks) await perform(id, signal)
            } finally {
              boss.notifyWorker(await worker)
            }
          },
        )
        await worker
      }
      await Promise.all(Array.from({ length: concurrency }, begin))
    },
    cancel: (queue, id) => boss.cancel(queue, id).then(() => undefined),
    async isOpen(queue, id) {
      const [job] = await boss.findJobs(queue, { id })
      return job !== undefined && ['created', 'retry', 'active', 'blocked'].includes(job.state)
    },
    close: () => boss.stop({ graceful: true, timeout: 10_000 }),
  }
}
