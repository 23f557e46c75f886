import { setTimeout as sleep } from 'node:timers/promises'
import { create } from '@bufbuild/protobuf'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WatchRequestSchema } from '#proto/edgewise/config/v1/config_pb.ts'
import { migrations as audit } from '../../../core/audit/index.ts'
import { createConfig, migrations, recordChange } from '../../../core/config/index.ts'
import { createSeal } from '../../../core/seal.ts'
import { callBy } from '../../support/call.ts'
import { freshControl } from '../../support/control.ts'

const edge = { workspace: '', id: 'svc_edge', scopes: ['internal:edge'] }
const writers = 8
const each = 12

let control: Awaited<ReturnType<typeof freshControl>>
beforeAll(async () => {
  control = await freshControl([audit, migrations])
})
afterAll(() => control?.close())

test('a reader of the change feed misses nothing, however long those who write it take', async () => {
  const config = createConfig({ db: control.db, seal: createSeal(Buffer.alloc(32, 1)), upstreams: [] })
  const watch = (since: string) => config.service.watch(create(WatchRequestSchema, { since }), callBy(edge))
  await control.db.transaction((tx) => recordChange(tx, { kind: 'key', workspace: 'main', name: 'first' }))
  let { cursor } = await watch('')
  const seen = new Set<string>()
  async function read(): Promise<void> {
    const feed = await watch(cursor)
    cursor = feed.cursor
    for (const { name } of feed.changes) seen.add(name)
  }
  const done = new AbortController()
  const reading = (async () => {
    while (!done.signal.aborted) await read()
  })()
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let n = 0; n < each; n++) {
        await control.db.transaction(async (tx) => {
          await recordChange(tx, { kind: 'key', workspace: 'main', name: `${writer}/${n}` })
          // Whoever commits late has an early id.
          await sleep(((writer * 7 + n * 3) % 5) * 4)
        })
      }
    }),
  )
  done.abort()
  await reading
  await read()
  expect(seen.size).toBe(writers * each)
})
