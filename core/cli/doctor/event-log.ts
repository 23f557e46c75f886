import type { Finding } from '../doctor.ts'
import { embeddedLog, logOf } from '../../storage/directory.ts'

/** Kafka, and whether the data directory goes with it, which is settled with the first start. */
export async function checkEventLog(text: string, data: string): Promise<Finding> {
  const [{ parseKafkaUrl }, { askKafka }, { isLocal }] = await Promise.all([
    import('../../storage/kafka/url.ts'),
    import('../../storage/kafka/ask.ts'),
    import('../../storage/parameters.ts'),
  ])
  const options = parseKafkaUrl(text)
  if (typeof options === 'string')
    return { level: 'broken', what: `KAFKA_URL ${options}`, mend: 'Write it as the README says.' }
  if (logOf(data) === embeddedLog) {
    return {
      level: 'broken',
      what: `KAFKA_URL is set, and ${data} was filled from the embedded log`,
      mend: 'Set EDGEWISE_DATA to a new directory, or leave KAFKA_URL out: the core does not start with both.',
    }
  }
  try {
    await askKafka(options)
  } catch (error) {
    return { level: 'broken', what: (error as Error).message, mend: 'The core does not start without it.' }
  }
  const what = `The event log is on Kafka at ${options.brokers.join(', ')}`
  const hosts = options.brokers.map((broker) => broker.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1'))
  if (options.tls !== undefined || hosts.every(isLocal)) return { level: 'ok', what }
  return { level: 'warning', what: `${what}, in the clear`, mend: 'Say tls=true, where the network is not trusted.' }
}
