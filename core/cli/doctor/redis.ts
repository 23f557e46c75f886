import type { Finding } from '../doctor.ts'

const timeoutMs = 3_000

export async function checkRedis(text: string): Promise<Finding> {
  const [{ parseRedisUrl }, { openRedis }] = await Promise.all([
    import('../../storage/redis/url.ts'),
    import('../../storage/redis/connect.ts'),
  ])
  const url = parseRedisUrl(text)
  if (typeof url === 'string')
    return { level: 'broken', what: `REDIS_URL ${url}`, mend: 'Write it as the README says.' }
  try {
    await (await openRedis({ ...url, timeoutMs }, { warn: () => undefined })).close()
    return { level: 'ok', what: `Redis is at ${url.host}:${url.port}/${url.db}` }
  } catch (error) {
    return { level: 'broken', what: (error as Error).message, mend: 'The core does not start without it.' }
  }
}
