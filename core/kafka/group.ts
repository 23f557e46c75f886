/** A partition of a topic as a text: no topic has a `/`. */
export type Place = `${string}/${number}`

/** Where an instance is in a partition that it holds. */
export interface Held {
  /** What it is given next. */
  readonly next: number
  /** What the group has committed there; -1: nothing. */
  readonly committed: number
}

/** One who reads for a group. */
export interface Member {
  readonly topics: readonly string[]
  readonly sessionMs: number
  readonly autoCommit: boolean
  readonly intervalMs: number
  /** Milliseconds since 1970, as the others are. */
  readonly seenAt: number
  readonly committedAt: number
  readonly held: Readonly<Record<Place, Held>>
}

/** The instances of a group, by name. */
export type Members = ReadonlyMap<string, Member>

export function placeOf(topic: string, partition: number): Place {
  return `${topic}/${partition}`
}

export function parsePlace(place: string): { readonly topic: string; readonly partition: number } {
  const slash = place.lastIndexOf('/')
  return { topic: place.slice(0, slash), partition: Number(place.slice(slash + 1)) }
}

export function heldBy({ held }: Member): readonly (readonly [Place, Held])[] {
  return Object.entries(held) as [Place, Held][]
}

/** Those whose session goes on, and those whose has ended. One that was seen later than now is of before the clock was set back. */
export function living(members: Members, now: number): { readonly live: Members; readonly gone: Members } {
  const isLive = ([, { seenAt, sessionMs }]: [string, Member]) => Math.abs(now - seenAt) <= sessionMs
  const all = [...members]
  return { live: new Map(all.filter(isLive)), gone: new Map(all.filter((one) => !isLive(one))) }
}

/**
 * Which instance reads which partition: of each topic, those that want it have the same number or one more, and whoever
 * holds one keeps it where that allows (as Kafka's cooperative sticky assignor does).
 */
export function share(members: Members, partitions: ReadonlyMap<string, number>): ReadonlyMap<Place, string> {
  const owners = new Map<Place, string>()
  const names = [...members.keys()].sort()
  const load = new Map(names.map((name) => [name, 0]))
  for (const topic of [...partitions.keys()].sort()) {
    const wanting = names.filter((name) => members.get(name)?.topics.includes(topic))
    if (wanting.length === 0) continue
    const places = Array.from({ length: partitions.get(topic) ?? 0 }, (_, partition) => placeOf(topic, partition))
    const least = Math.floor(places.length / wanting.length)
    let more = places.length % wanting.length
    const mine = new Map(wanting.map((name) => [name, 0]))
    const give = (place: Place, name: string): void => {
      owners.set(place, name)
      mine.set(name, (mine.get(name) ?? 0) + 1)
      load.set(name, (load.get(name) ?? 0) + 1)
    }
    const free = places.filter((place) => {
      const holder = wanting.find((name) => members.get(name)?.held[place] !== undefined)
      const has = mine.get(holder ?? '') ?? Infinity
      if (holder === undefined || has > least || (has === least && more === 0)) return true
      if (has === least) more--
      give(place, holder)
      return false
    })
    for (const place of free) {
      const weight = (name: string): number => (mine.get(name) ?? 0) * 1_000_000 + (load.get(name) ?? 0)
      give(
        place,
        wanting.reduce((best, name) => (weight(name) < weight(best) ? name : best)),
      )
    }
  }
  return owners
}

/** Members with only what is theirs by `owners`; what each gives up is beside it. */
export function reshared(members: Members, owners: ReadonlyMap<Place, string>) {
  const lost: { readonly member: Member; readonly place: Place; readonly held: Held }[] = []
  const kept = [...members].map(([name, member]) => {
    const mine = heldBy(member).filter(([place, held]) => {
      if (owners.get(place) === name) return true
      lost.push({ member, place, held })
      return false
    })
    return [name, { ...member, held: Object.fromEntries(mine) }] as const
  })
  return { members: new Map(kept) as Members, lost }
}
