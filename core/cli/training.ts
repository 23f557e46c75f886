import { setTimeout as sleep } from 'node:timers/promises'
import cliProgress from 'cli-progress'
import type { Client, Job } from '#mesh/client/index.ts'
import { CliError, exits } from './exit.ts'
import type { Terminal } from './terminal.ts'

const pollMs = 500

/** Shows how a training goes until it ends. Fails as the training does. */
export async function followTraining(client: Client, id: string, terminal: Terminal): Promise<Job> {
  const began = performance.now()
  const shown = progressOf(terminal)
  let job = await client.jobs.get(id)
  try {
    while (job.status === 'queued' || job.status === 'running') {
      shown.tell(job)
      await sleep(pollMs, undefined, { signal: terminal.signal })
      job = await client.jobs.get(id)
    }
  } catch (thrown) {
    if (!terminal.signal.aborted) throw thrown
    throw new CliError('It goes on without you.', {
      exitCode: exits.interrupted,
      hint: `edgewise sql "CANCEL TRAINING '${id}'" ends it; edgewise sql 'DESCRIBE MODEL ${job.model}.jobs' says how it stands.`,
    })
  } finally {
    shown.stop()
  }
  const name = `${job.model}, version ${job.version}`
  if (job.status !== 'done') throw new CliError(`${name}: ${job.status}. ${job.error?.detail ?? ''}`.trim())
  terminal.note(`${name} is trained (${((performance.now() - began) / 1000).toFixed(1)} s).`)
  return job
}

/** A bar for people; a line for each phase where nobody looks. */
function progressOf(terminal: Terminal) {
  if (!terminal.interactive) {
    let said = ''
    return {
      tell({ phase }: Job): void {
        if (phase === said) return
        said = phase
        terminal.note(`${phase} …`)
      },
      stop: () => undefined,
    }
  }
  const bar = new cliProgress.SingleBar({
    format: '{phase} {bar} {percentage}% · {duration_formatted}',
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  })
  bar.start(100, 0, { phase: 'waits' })
  return { tell: ({ phase, percent }: Job) => bar.update(percent, { phase }), stop: () => bar.stop() }
}
