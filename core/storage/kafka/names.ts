/**
 * A topic's name in Kafka. `.` becomes `-`, which no workspace and no stream has: Kafka holds `.` and `_` for the same
 * where it names metrics, and would refuse `a.b_c` beside `a_b.c`. `/` becomes `--`, which begins no stream and is in no
 * prefix.
 */
export function kafkaTopic(prefix: string, topic: string): string {
  if (/^\w+\.\w+$/.test(topic)) return `${prefix}-${topic.replace('.', '-')}`
  if (/^\w+\/[\w.-]{1,100}$/.test(topic)) return `${prefix}-${topic.replace('/', '--')}`
  throw new Error(`a topic cannot be called ${topic}`)
}

/** The topic of a name in Kafka; undefined where it is somebody else's. */
export function topicOfKafka(prefix: string, name: string): string | undefined {
  const rest = name.startsWith(`${prefix}-`) ? name.slice(prefix.length + 1) : ''
  if (/^\w+-\w+$/.test(rest)) return rest.replace('-', '.')
  return /^\w+--[\w.-]{1,100}$/.test(rest) ? rest.replace('--', '/') : undefined
}

export function kafkaGroup(prefix: string, group: string): string {
  return `${prefix}-${group}`
}
