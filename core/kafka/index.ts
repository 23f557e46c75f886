import type { Service } from '#mesh/rpc/call.ts'
import type { KafkaService } from '#proto/edgewise/kafka/v1/kafka_pb.ts'
import type { KafkaDeps, KafkaOptions } from './deps.ts'
import { prune } from './prune.ts'
import { kafkaService } from './rpc.ts'
import { forgetMembers } from './store.ts'
import { createTurns } from './turns.ts'
import { createWaits } from './waits.ts'

export { type KafkaLimits, kafkaLimits } from './limits.ts'

export const migrations = { domain: 'kafka', folder: new URL('./migrations', import.meta.url) }

/** A workspace's own topics in the event log, and the groups that read them. */
export interface Kafka {
  readonly service: Service<typeof KafkaService>
  /**
   * What instances were given and did not commit is given again. Called where nobody else can have the store open, before
   * anybody is answered: what was on its way to them went with the process of before.
   */
  restart(): Promise<void>
  /** Forgets what is older than it is kept. Called on a schedule. */
  prune(now: number): Promise<void>
}

export function createKafka(options: KafkaOptions): Kafka {
  const deps: KafkaDeps = { ...options, waits: createWaits(options.log, options.limits), turns: createTurns() }
  return {
    service: kafkaService(deps),
    restart: () => forgetMembers(options.db),
    prune: (now) => prune(deps, now),
  }
}
