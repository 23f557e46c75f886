/**
 * A topic's name in Kafka. `.` becomes `-`, which no workspace and no stream has: Kafka holds `.` and `_` for the same
 * where it names metrics, and would refuse `a.b_c` beside `a_b.c`.
 */
export function kafkaTopic(prefix: string, topic: string): string {
  if (!/^\w+\.\w+$/.test(topic)) throw new Error(`a topic cannot be called ${topic}`)
  return `${prefix}-${topic.replace('.', '-')}`
}

/** The topic of a name in Kafka; undefined where it is somebody else's. */
export function topicOfKafka(prefix: string, name: string): string | undefined {
  const rest = name.startsWith(`${prefix}-`) ? name.slice(prefix.length + 1) : ''
  return /^\w+-\w+$/.test(rest) ? rest.replace('-', '.') : undefined
}

export function kafkaGroup(prefix: string, group: string): string {
  return `${prefix}-${group}`
}
