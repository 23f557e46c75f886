import type { Finding } from '../doctor.ts'

const timeoutMs = 3_000

/** A bucket of S3's protocol. */
export async function checkObjects(text: string): Promise<Finding> {
  const [{ parseObjectsUrl }, { askBucket }, { isLocal }] = await Promise.all([
    import('../../storage/s3/url.ts'),
    import('../../storage/s3/start.ts'),
    import('../../storage/parameters.ts'),
  ])
  const options = parseObjectsUrl(text)
  if (typeof options === 'string')
    return { level: 'broken', what: `OBJECTS_URL ${options}`, mend: 'Write it as the README says.' }
  try {
    await askBucket({ ...options, timeoutMs: Math.min(timeoutMs, options.timeoutMs) })
  } catch (error) {
    return { level: 'broken', what: (error as Error).message, mend: 'The core does not start without it.' }
  }
  const { bucket, prefix, endpoint } = options
  const what = `The files of models are in the bucket ${`${bucket}/${prefix}`.replace(/\/$/, '')} at ${endpoint ?? 'Amazon S3'}`
  const { protocol, hostname } = new URL(endpoint ?? 'https://s3.amazonaws.com')
  if (protocol === 'https:' || isLocal(hostname.replace(/^\[(.*)\]$/, '$1'))) return { level: 'ok', what }
  return {
    level: 'warning',
    what: `${what}, in the clear`,
    mend: 'Name its endpoint by https, where the network is not trusted.',
  }
}
