import { catalogLimits } from './catalog/index.ts'
import { ingestLimits } from './ingest/index.ts'
import { kafkaLimits } from './kafka/index.ts'
import { modelLimits } from './model/index.ts'
import { defaultQueryLimits } from './query/index.ts'
import { redisLimits } from './redis/index.ts'
import { streamLimits } from './stream/index.ts'

/** Every bound of the core, in one place; README lists them. At a bound there is an error that says so. */
export const limits = {
  catalog: catalogLimits,
  ingest: ingestLimits,
  kafka: kafkaLimits,
  model: modelLimits,
  query: defaultQueryLimits,
  redis: redisLimits,
  stream: streamLimits,
  warehouse: {
    /** Connections to the warehouse; each carries one statement at a time. */
    maxConnections: 32,
  },
} as const
