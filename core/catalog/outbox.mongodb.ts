import { randomUUID } from 'node:crypto'
import type { Collection } from 'mongodb'
import { changeOf, type Stored } from './document.mongodb.ts'

/** Takes so many changes, the oldest of each document. `isAlone`: nobody else took one of them at the same time. */
export async function take(documents: Collection<Stored>, limit: number, leaseMs: number) {
  const now = new Date()
  const free = await documents
    .find({ freeAt: { $lte: now } }, { projection: { _id: 1 } })
    .sort({ freeAt: 1 })
    .limit(limit)
    .toArray()
  if (free.length === 0) return { changes: [], isAlone: true }
  const mine = { _id: { $in: free.map(({ _id }) => _id) } }
  const taker = randomUUID()
  // Another may have been quicker: each document is one's alone.
  await documents.updateMany(
    { ...mine, freeAt: { $lte: now } },
    { $set: { freeAt: new Date(now.getTime() + leaseMs), taker } },
  )
  const ofEach = Math.floor(limit / free.length)
  const taken = await documents
    .find({ ...mine, taker }, { projection: { workspace: 1, collection: 1, id: 1, outbox: { $slice: ofEach } } })
    .toArray()
  // Where two marked the last two at once, each took the other's for one that is left.
  if (taken.some(({ outbox }) => outbox.length === 0))
    await documents.updateMany({ ...mine, outbox: { $size: 0 } }, { $unset: { freeAt: '', taker: '' } })
  const changes = taken
    .flatMap(changeOf)
    .toSorted((a, b) => a.updatedAt.getTime() - b.updatedAt.getTime() || a.version - b.version)
  return { changes, isAlone: taken.length === free.length }
}

/** With the last of them there is nothing to take any more; else the next may be taken. */
export async function forget(documents: Collection<Stored>, keys: readonly string[]): Promise<void> {
  const freeAt = new Date()
  const sent = keys.map((key) => {
    const slash = key.indexOf('/')
    return { _id: key.slice(slash + 1), version: Number(key.slice(0, slash)) }
  })
  await documents.bulkWrite(
    [...Map.groupBy(sent, ({ _id }) => _id)].flatMap(([_id, some]) => {
      const versions = some.map(({ version }) => version)
      const pull = { $pull: { outbox: { version: { $in: versions } } } }
      const isAll = { _id, outbox: { $size: versions.length }, 'outbox.version': { $all: versions } }
      const isSome = { _id, 'outbox.version': { $in: versions } }
      return [
        { updateOne: { filter: isAll, update: { ...pull, $unset: { freeAt: '', taker: '' } } } },
        { updateOne: { filter: isSome, update: { ...pull, $set: { freeAt } } } },
      ]
    }),
  )
}
