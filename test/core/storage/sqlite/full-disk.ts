import { rmSync, writeFileSync } from 'node:fs'
import { Failure } from '#mesh/errors.ts'
import { openSqliteLog } from '../../../../core/storage/sqlite/log.ts'

/** Run on a small disk of its own: fills it, makes room, and says what became of each append. */
const [directory = ''] = process.argv.slice(2)
const filler = `${directory}/filler`
writeFileSync(filler, Buffer.alloc(2 << 20, 1))
let log = await openSqliteLog({ directory: `${directory}/log` })
await log.createTopic('w.s', { partitions: 1 })
const value = JSON.stringify('x'.repeat(50_000))
const append = () => log.append([{ topic: 'w.s', partition: 0, records: [{ key: undefined, value, timestamp: 1 }] }])

const refused = () =>
  append().then(
    () => undefined,
    (thrown: unknown) => thrown,
  )

let acknowledged = 0
let refusal = await refused()
for (; refusal === undefined; acknowledged++) refusal = await refused()
// It stays a refusal: no crash, nothing half written.
const again = await refused()
rmSync(filler)
await append()
await log.close()
log = await openSqliteLog({ directory: `${directory}/log` })
const [range] = await log.ranges('w.s')
await log.close()

const said = (thrown: unknown) =>
  thrown instanceof Failure ? [thrown.problem, thrown.status, thrown.retryAfterMs] : String(thrown)
console.log(JSON.stringify({ refusal: said(refusal), again: said(again), kept: range?.end === acknowledged + 1 }))
