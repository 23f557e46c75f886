/**
 * The event log: topics of partitions of records, each with an offset that only grows. The vocabulary and the
 * guarantees are Kafka's, which can stand behind it; embedded, it is SQLite. A topic is called `workspace.stream`, or
 * `workspace/name` where it is none of a stream.
 */
export interface LogRecord {
  /**
   * Of a stream: a 16-byte digest of the event's identity, or undefined where the event has none and so cannot be a
   * repeat. Of other topics: whatever their producers say.
   */
  readonly key: Uint8Array | undefined
  /** The record's text. */
  readonly value: string
  /** When it was appended, in milliseconds since 1970. */
  readonly timestamp: number
  /** In the order in which they were given; absent where there are none. */
  readonly headers?: readonly RecordHeader[]
}

export interface RecordHeader {
  readonly key: string
  readonly value: string
}

export interface StoredRecord extends LogRecord {
  readonly offset: number
}

export interface Append {
  readonly topic: string
  readonly partition: number
  readonly records: readonly LogRecord[]
}

export interface Position {
  readonly topic: string
  readonly partition: number
  /** For an append: of the last record written. For a commit: of the next record to read. */
  readonly offset: number
}

export interface Commit extends Position {
  /** Free text that is stored with the offset in the same durable write. */
  readonly metadata: string
}

export interface PartitionRange {
  readonly partition: number
  /** The oldest offset that is still there. */
  readonly start: number
  /** One past the newest. */
  readonly end: number
}

/** How much a group has still to read of a partition. */
export interface Behind {
  readonly topic: string
  readonly partition: number
  readonly records: number
}

export interface TopicOptions {
  readonly partitions: number
}

export interface Retention {
  /** Records from before may go, in milliseconds since 1970 … */
  readonly before: number
  /** … but never one that a group of these has not passed; one that has committed nothing holds everything. */
  readonly groups: readonly string[]
  /** Only of these topics; absent: of all. */
  readonly topics?: readonly string[]
}

/** Partitions as one member of a group has them: no two have the same at a time. */
export interface Membership {
  /** Undefined where the partition is not this member's now. */
  claim(topic: string, partition: number): Claim | undefined
  /** Lets go of all of them. */
  leave(): Promise<void>
}

export interface Claim {
  /** False as soon as another member may have it. */
  isHeld(): boolean
  /** As the log's own, for this group; fails once another member has the partition, however late that is found out. */
  commit(commit: Commit): Promise<void>
}

export interface GroupListener {
  /** Partitions have come. */
  onAssigned(): void
  /** Partitions are gone, or go to another member when this has resolved. */
  onRevoked(goes: (topic: string, partition: number) => boolean): Promise<void>
  /** Another process has joined under this one's name: this one has nothing from now on. */
  onOusted(): void
}

export interface Log {
  /** Which log this is: in another one an offset means something else. */
  readonly identity: string
  /** Makes the topic if it is not there; its options are those of the first call. */
  createTopic(topic: string, options: TopicOptions): Promise<void>
  deleteTopic(topic: string): Promise<void>
  topics(): Promise<readonly { readonly topic: string; readonly partitions: number }[]>
  /**
   * Resolves when all of it is durable, to the engine's measure: SQLite's survives a power cut, Kafka's the loss of
   * replicas. Topics are written in the order in which they are first named, each only when those before it are durable.
   * What can be known to have no place is refused before anything is written. Where it fails later, part of it may be
   * there: whoever sends it again relies on the keys, by which repeats are dropped.
   */
  append(appends: readonly Append[]): Promise<readonly Position[]>
  /** Records in order from `from`; empty at the end. Stops at whichever bound is met first, but gives at least one. */
  read(
    topic: string,
    partition: number,
    from: number,
    bounds: { maxRecords: number; maxBytes: number },
  ): Promise<readonly StoredRecord[]>
  ranges(topic: string): Promise<readonly PartitionRange[]>
  /** The offset of the first record that is not before a time, in milliseconds since 1970; the end where there is none. */
  offsetAt(topic: string, partition: number, timestamp: number): Promise<number>
  /** What the group has committed, for a topic or for all; a partition it never committed is absent. */
  committed(group: string, topic?: string): Promise<readonly Commit[]>
  /** What the group has still to read of each partition. */
  lag(group: string): Promise<readonly Behind[]>
  /** Shares the partitions of all topics with whoever else joins the group. */
  join(group: string, listener: GroupListener): Membership
  /** Durable, all or nothing. Of a group that has members, they alone may. */
  commit(group: string, commits: readonly Commit[]): Promise<void>
  /** Forgets what the group has committed. */
  deleteGroup(group: string): Promise<void>
  /** Calls the listener after appends to a partition, whoever appended; answers how to stop that. */
  onAppend(listener: (topic: string, partition: number) => void): () => void
  /** Drops what retention allows: from the beginning of each partition, without gaps, all of it or what the engine stores together. */
  expire(retention: Retention): Promise<void>
  /** Whether appends can be expected to succeed now. */
  isReady(): boolean
  /** Waits for what was begun, then closes. */
  close(): Promise<void>
}
