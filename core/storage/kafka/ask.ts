import { connectKafka, patiently, reasonOf } from './client.ts'
import type { KafkaOptions } from './url.ts'

const answersWithinMs = 3_000

/** Fails, as opening the log would, where no broker answers; changes nothing. */
export async function askKafka(options: KafkaOptions): Promise<void> {
  const { admin, producer } = connectKafka({ ...options, timeoutMs: Math.min(options.timeoutMs, answersWithinMs) })
  try {
    await patiently(admin, () => admin.metadata({ topics: [] }), answersWithinMs)
  } catch (error) {
    throw new Error(
      `Kafka cannot be used at ${options.brokers.join(', ')}: ${reasonOf(error)}. Check KAFKA_URL (brokers, tls, sasl, user).`,
      { cause: error },
    )
  } finally {
    await Promise.all([admin.close(), producer.close()])
  }
}
