import type { Context } from '../context.ts'
import type { Deps } from './deps.ts'

export interface Statistics {
  readonly rows: bigint
  readonly bytes: bigint
  readonly quarantined: bigint
  readonly repeated: bigint
  readonly lag: bigint
}

export async function streamStatistics(
  { warehouse, stream, streams }: Deps,
  ctx: Context,
  name: string,
): Promise<Statistics> {
  const { workspace } = ctx.actor
  const query = { database: workspace, deadline: ctx.deadline, signal: ctx.signal }
  const [[size], quarantined, repeated, lag] = await Promise.all([
    warehouse.rows<{ rows: string; bytes: string }>({
      ...query,
      sql: `SELECT sum(rows) AS rows, sum(bytes_on_disk) AS bytes FROM ${warehouse.layout.ofShards('parts')}
        WHERE active AND database = {database:String} AND table = {name:String}`,
      params: { database: warehouse.layout.rowsOf(workspace), name },
    }),
    countQuarantined(),
    stream.repeated(workspace, name),
    stream.lag(workspace, name),
  ])
  return {
    rows: BigInt(size?.rows ?? 0),
    bytes: BigInt(size?.bytes ?? 0),
    quarantined,
    repeated: BigInt(repeated),
    lag: BigInt(lag),
  }

  async function countQuarantined(): Promise<bigint> {
    await streams.system(workspace, '_quarantine')
    const [row] = await warehouse.rows<{ waiting: string }>({
      ...query,
      sql: `SELECT count() AS waiting FROM _quarantine WHERE stream = {name:String} AND state = 'waiting'`,
      params: { name },
      settings: { final: 1 },
    })
    return BigInt(row?.waiting ?? 0)
  }
}
