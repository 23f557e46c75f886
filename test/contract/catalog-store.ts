import { describe, expect, test } from 'vitest'
import { resources, wordsOf } from '../../core/catalog/resources.ts'
import type { CatalogStore, Change, Fields, Place, Write } from '../../core/catalog/store.ts'

/** Fields of each resource, told apart by a number; with what engines like to get wrong. */
const samples: Readonly<Record<CatalogStore['resource'], (n: number) => Fields>> = {
  products: (n) => ({
    name: `Tea ${n} 100%_\\'" ü🎉`,
    price: `${n}.90`,
    currency: 'EUR',
    category: 'drinks',
    attributes: attributesOf(n),
  }),
  items: (n) => ({
    title: `Tea ${n} 100%_\\'" ü🎉`,
    tags: ['green', `t${n}`],
    categories: ['drinks'],
    attributes: attributesOf(n),
  }),
  documents: (n) => ({
    document: { title: `Tea ${n} 100%_\\'" ü🎉`, tags: ['drinks'], ...attributesOf(n) },
  }),
}

function attributesOf(n: number): Fields {
  return {
    n,
    empty: '',
    none: null,
    yes: true,
    small: -1.5e-7,
    big: 2 ** 53 - 1,
    list: [1, 'a', []],
    deep: { a: { b: [{}] } },
  }
}

const longLeaseMs = 60_000

/** What every store of the catalogue promises. `open` opens an empty one, which nobody else uses. */
export function catalogStoreContract(open: () => Promise<{ store: CatalogStore; close(): Promise<void> }>): void {
  const withStore = async (use: (store: CatalogStore) => Promise<void>): Promise<void> => {
    const { store, close } = await open()
    try {
      await use(store)
    } finally {
      await close()
    }
  }
  const at = (store: CatalogStore, name = 'a', workspace = 'main'): Place => ({
    workspace,
    collection: resources[store.resource].hasCollections ? name : '',
  })
  const put = (store: CatalogStore, id: string, n: number, ifVersion?: number): Write => {
    const fields = samples[store.resource](n)
    return { id, fields, words: wordsOf(resources[store.resource], id, fields, 8_192), ifVersion }
  }
  const remove = (id: string, ifVersion?: number): Write => ({ id, fields: undefined, words: '', ifVersion })
  const list = async (
    store: CatalogStore,
    search: string[] = [],
    page = { limit: 1_000, after: '' },
    place = at(store),
  ) => (await store.list(place, { ...page, search })).map(({ id }) => id)
  const drain = async (store: CatalogStore): Promise<Change[]> => {
    const all: Change[] = []
    for (;;) {
      const some = await store.takeOutbox(3, longLeaseMs)
      if (some.length === 0) return all
      await store.markSent(some.map(({ key }) => key))
      all.push(...some)
    }
  }

  describe('a store of the catalogue', () => {
    test('gives back what was written as it was written, with its version and its times', () =>
      withStore(async (store) => {
        const before = Date.now()
        const [first] = await store.write(at(store), [put(store, 'x', 1)])
        expect(first).toMatchObject({ outcome: 'written', entry: { id: 'x', version: 1 } })
        const [second] = await store.write(at(store), [put(store, 'x', 2)])
        expect(second).toMatchObject({ outcome: 'written', entry: { id: 'x', version: 2 } })
        const found = await store.get(at(store), 'x')
        expect(found).toEqual(second?.entry)
        expect(found?.fields).toEqual(samples[store.resource](2))
        expect(found?.createdAt).toEqual(first?.entry?.createdAt)
        expect(found?.createdAt.getTime()).toBeGreaterThanOrEqual(before)
        expect(found?.updatedAt.getTime()).toBeGreaterThanOrEqual(found?.createdAt.getTime() ?? NaN)
        expect(await store.get(at(store), 'y')).toBeUndefined()
      }))

    test('changes nothing, and tells nobody, where an entry says that already', () =>
      withStore(async (store) => {
        await store.write(at(store), [put(store, 'x', 1)])
        expect(await store.write(at(store), [put(store, 'x', 1), put(store, 'y', 1), remove('z')])).toMatchObject([
          { outcome: 'same', entry: { version: 1 } },
          { outcome: 'written', entry: { version: 1 } },
          { outcome: 'same', entry: undefined },
        ])
        const changes = await drain(store)
        expect(changes.map(({ id, version }) => `${id} ${version}`).toSorted()).toEqual(['x 1', 'y 1'])
      }))

    test('writes only where the version is the one that it was told of', () =>
      withStore(async (store) => {
        const write = async (one: Write) => (await store.write(at(store), [one]))[0]
        expect(await write(put(store, 'x', 1, 1))).toEqual({ outcome: 'conflict', entry: undefined })
        expect(await write(put(store, 'x', 1, 0))).toMatchObject({ outcome: 'written', entry: { version: 1 } })
        expect(await write(put(store, 'x', 2, 0))).toMatchObject({ outcome: 'conflict', entry: { version: 1 } })
        expect(await write(put(store, 'x', 2, 1))).toMatchObject({ outcome: 'written', entry: { version: 2 } })
        expect(await write(put(store, 'x', 3, 1))).toMatchObject({ outcome: 'conflict', entry: { version: 2 } })
        expect(await write(remove('x', 1))).toMatchObject({ outcome: 'conflict', entry: { version: 2 } })
        expect(await write(remove('x', 2))).toEqual({ outcome: 'written', entry: undefined })
        expect((await drain(store)).map(({ version }) => version)).toEqual([1, 2, 3])
      }))

    test('goes on with the versions of an id that was deleted', () =>
      withStore(async (store) => {
        for (const one of [put(store, 'x', 1), remove('x')]) await store.write(at(store), [one])
        expect(await store.get(at(store), 'x')).toBeUndefined()
        expect(await list(store)).toEqual([])
        expect(await store.write(at(store), [remove('x')])).toMatchObject([{ outcome: 'same', entry: undefined }])
        const [again] = await store.write(at(store), [put(store, 'x', 1, 0)])
        expect(again).toMatchObject({ outcome: 'written', entry: { version: 3 } })
        const changes = await drain(store)
        expect(changes.map(({ version, fields }) => [version, fields === undefined])).toEqual([
          [1, false],
          [2, true],
          [3, false],
        ])
      }))

    test('lets one of many that write the same version, and loses none that do not mind', () =>
      withStore(async (store) => {
        const numbers = Array.from({ length: 12 }, (_, n) => n + 1)
        const first = await Promise.all(numbers.map((n) => store.write(at(store), [put(store, 'x', n, 0)])))
        expect(first.filter(([written]) => written?.outcome === 'written')).toHaveLength(1)
        const settled = await Promise.allSettled(numbers.map((n) => store.write(at(store), [put(store, 'y', n)])))
        const done = settled.filter(({ status }) => status === 'fulfilled').length
        for (const one of settled)
          if (one.status === 'rejected') expect(one.reason).toMatchObject({ problem: 'request.aborted' })
        expect(done).toBeGreaterThan(0)
        expect((await store.get(at(store), 'y'))?.version).toBe(done)
        const versions = (await drain(store)).filter(({ id }) => id === 'y').map(({ version }) => version)
        expect(versions.toSorted((a, b) => a - b)).toEqual(numbers.slice(0, done))
      }))

    test('takes a thousand at once, and answers in their order', () =>
      withStore(async (store) => {
        const ids = Array.from({ length: 1_000 }, (_, n) => `id-${(n * 7919) % 1_000}`)
        const written = await store.write(
          at(store),
          ids.map((id, n) => put(store, id, n)),
        )
        expect(written.map(({ entry }) => entry?.id)).toEqual(ids)
        expect(await list(store)).toEqual(ids.toSorted())
        const batches = await Promise.all([store.takeOutbox(600, longLeaseMs), store.takeOutbox(600, longLeaseMs)])
        expect(new Set(batches.flat().map(({ id }) => id)).size).toBe(1_000)
        expect(batches.flat()).toHaveLength(1_000)
      }))

    test('lists by id, byte by byte, page by page, while others are added', () =>
      withStore(async (store) => {
        const ids = ['A', 'B', 'Z', 'a', 'a-b', 'a.b', 'a1', 'a_b', 'ab', 'b']
        await store.write(
          at(store),
          ids.toReversed().map((id) => put(store, id, 1)),
        )
        const sorted = ids.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        const first = await list(store, [], { limit: 4, after: '' })
        expect(first).toEqual(sorted.slice(0, 4))
        await store.write(at(store), [put(store, '0', 1), put(store, 'zz', 1)])
        expect(await list(store, [], { limit: 100, after: first[3] ?? '' })).toEqual([...sorted.slice(4), 'zz'])
        expect(await list(store, [], { limit: 100, after: 'zz' })).toEqual([])
      }))

    test('finds what holds every word, and takes no character for a pattern', () =>
      withStore(async (store) => {
        await store.write(
          at(store),
          [1, 2, 11].map((n) => put(store, `x${n}`, n)),
        )
        expect(await list(store, ['tea'])).toEqual(['x1', 'x11', 'x2'])
        expect(await list(store, ['tea 1'])).toEqual(['x1', 'x11'])
        expect(await list(store, ['drinks', 'tea 2'])).toEqual(['x2'])
        expect(await list(store, ['x11'])).toEqual(['x11'])
        for (const found of ['100%_\\', '\'"', 'ü🎉']) expect(await list(store, [found])).toHaveLength(3)
        for (const missed of ['100_', 't%a', 'te.', '.*', '^', '$', '[a-z]', 'x1|x2', 'coffee']) {
          expect([missed, await list(store, [missed])]).toEqual([missed, []])
        }
        await store.write(at(store), [put(store, 'x1', 5)])
        expect(await list(store, ['tea 5'])).toEqual(['x1'])
        expect(await list(store, ['tea', '1', 'x1'])).toEqual(['x1', 'x11'])
      }))

    test('keeps workspaces and collections apart', () =>
      withStore(async (store) => {
        const places = [at(store), at(store, 'a', 'other'), ...(at(store).collection === '' ? [] : [at(store, 'b')])]
        for (const [n, place] of places.entries()) await store.write(place, [put(store, 'x', n + 1)])
        for (const [n, place] of places.entries()) {
          expect((await store.get(place, 'x'))?.fields).toEqual(samples[store.resource](n + 1))
          expect(await list(store, [`tea ${n + 1}`], undefined, place)).toEqual(['x'])
        }
        await store.write(at(store), [remove('x')])
        for (const place of places.slice(1)) expect(await store.get(place, 'x')).toMatchObject({ version: 1 })
        expect(await list(store)).toEqual([])
        const changes = await drain(store)
        // Of different entries they may come in any order.
        const named = changes.map(({ workspace, collection }) => `${workspace}/${collection}`)
        expect(named.toSorted()).toEqual(
          [...places, at(store)].map((place) => `${place.workspace}/${place.collection}`).toSorted(),
        )
      }))

    test('tells of each change with what it said then, in the order of each entry', () =>
      withStore(async (store) => {
        for (const n of [1, 2, 3]) await store.write(at(store), [put(store, 'x', n)])
        await store.write(at(store), [remove('x')])
        const changes = await drain(store)
        expect(changes.map(({ version, fields }) => [version, fields])).toEqual([
          ...[1, 2, 3].map((n) => [n, samples[store.resource](n)]),
          [4, undefined],
        ])
        const [first, last] = [changes[0], changes.at(-1)]
        expect(last?.createdAt).toEqual(first?.createdAt)
        expect(last?.updatedAt.getTime()).toBeGreaterThanOrEqual(first?.updatedAt.getTime() ?? NaN)
        expect(await drain(store)).toEqual([])
      }))

    test('lends a change to one at a time, and again where whoever had it did not say that it was sent', () =>
      withStore(async (store) => {
        await store.write(at(store), [put(store, 'x', 1), put(store, 'y', 1)])
        const taken = await Promise.all([1, 2, 3].map(() => store.takeOutbox(1, longLeaseMs)))
        expect(
          taken
            .flat()
            .map(({ id }) => id)
            .toSorted(),
        ).toEqual(['x', 'y'])
        await store.write(at(store), [put(store, 'z', 1)])
        const short = await store.takeOutbox(10, 1)
        expect(short.map(({ id }) => id)).toEqual(['z'])
        await expect
          .poll(async () => (await store.takeOutbox(10, longLeaseMs)).map(({ key }) => key))
          .toEqual(short.map(({ key }) => key))
        await store.markSent(short.map(({ key }) => key))
        await store.markSent([...short.map(({ key }) => key), ...taken.flat().map(({ key }) => key)])
        expect(await store.takeOutbox(10, longLeaseMs)).toEqual([])
      }))
  })
}
