/** The bounds of topics of a workspace's own. Everything past one of them is an error that names it. */
export const kafkaLimits = {
  /** Topics of a workspace. */
  maxTopics: 200,
  /** Groups of a workspace. */
  maxGroups: 200,
  /** Instances of a group. */
  maxInstances: 64,
  /** Topics that an instance consumes. */
  maxConsumed: 32,
  /** Places that a request names. */
  maxPlaces: 256,
  /** Messages in a request. */
  maxMessages: 1_000,
  /** Of a message: its value, key and headers in UTF-8. */
  maxMessageBytes: 1024 * 1024,
  /** Of all messages of a request. */
  maxBatchBytes: 8 * 1024 * 1024,
  /** Headers of a message. */
  maxHeaders: 100,
  /** Messages in an answer. */
  maxRead: 500,
  /** Of the messages in an answer; one is given however large it is. */
  maxReadBytes: 2 * 1024 * 1024,
  /** How long a request may wait for messages. */
  maxWaitMs: 30_000,
  /** Requests that wait for messages at once; others are answered at once with what there is. */
  maxWaiting: 64,
  /** … of them of one workspace. */
  maxWaitingOfOne: 16,
  /** How long an instance may be silent. */
  minSessionMs: 1_000,
  maxSessionMs: 1_800_000,
  /** How far ahead of the clock a message's time may be: what is to come never expires. */
  maxAheadMs: 3_600_000,
} as const

export type KafkaLimits = { readonly [K in keyof typeof kafkaLimits]: number }
