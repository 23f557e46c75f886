import type { Admin } from '@platformatic/kafka'
import { topicOfKafka } from './names.ts'
import { endsOf, listKafkaTopics } from './topics.ts'

/** How soon appends of other processes are noticed. */
const everyMs = 1_000
/** Brokers that have not answered for so long are away. */
const awayMs = 8_000

type Listener = (topic: string, partition: number) => void

/** Tells of appends: of one's own at once, of others' by looking where the partitions end. */
export async function watchEnds(admin: Admin, prefix: string) {
  const listeners = new Set<Listener>()
  const known = new Map<string, number>()
  let timer: ReturnType<typeof setTimeout> | undefined
  let looking: Promise<void> = Promise.resolve()
  let isClosed = false
  let heardAt = performance.now()

  function passed(name: string, partition: number, end: number, isNews = true): void {
    const place = `${name}/${partition}`
    heardAt = performance.now()
    if (end <= (known.get(place) ?? 0)) return
    known.set(place, end)
    const topic = topicOfKafka(prefix, name)
    if (isNews && topic !== undefined) for (const tell of listeners) tell(topic, partition)
  }

  async function look(isNews: boolean): Promise<void> {
    const ends = await endsOf(admin, await listKafkaTopics(admin, prefix))
    // Another process may have deleted a topic, and perhaps made it anew.
    for (const [place, end] of known) if ((ends.get(place) ?? 0) < end) known.delete(place)
    for (const [place, end] of ends) {
      const slash = place.lastIndexOf('/')
      passed(place.slice(0, slash), Number(place.slice(slash + 1)), end, isNews)
    }
    heardAt = performance.now()
  }

  function later(): void {
    timer = setTimeout(() => {
      looking = look(true)
        // A topic that was deleted amid it, or brokers that are away: the next look tells.
        .catch(() => undefined)
        .then(() => (isClosed ? undefined : later()))
    }, everyMs)
  }

  // What is there already is no news, and who listens looks for itself.
  await look(false)
  later()

  return {
    passed,
    /** Another topic of this name begins anew. */
    forget(name: string): void {
      for (const place of known.keys()) if (place.startsWith(`${name}/`)) known.delete(place)
    },
    listen(listener: Listener): () => void {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    /** Whether the brokers have answered of late. */
    get isReady() {
      return performance.now() - heardAt < awayMs
    },
    async close(): Promise<void> {
      isClosed = true
      clearTimeout(timer)
      await looking
    },
  }
}
