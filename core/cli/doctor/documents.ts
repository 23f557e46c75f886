import type { Finding } from '../doctor.ts'

const connectTimeoutMs = 3_000

/** A MongoDB. */
export async function checkDocuments(text: string): Promise<Finding> {
  const [{ parseMongoUrl }, { askMongo }] = await Promise.all([
    import('../../storage/mongodb/url.ts'),
    import('../../storage/mongodb/connect.ts'),
  ])
  const url = parseMongoUrl(text)
  if (typeof url === 'string')
    return { level: 'broken', what: `MONGODB_URL ${url}`, mend: 'Write it as the README says.' }
  try {
    await askMongo(url, connectTimeoutMs)
    return { level: 'ok', what: `Documents are in MongoDB at ${url.hosts}/${url.database}` }
  } catch (error) {
    return { level: 'broken', what: (error as Error).message, mend: 'The core does not start without it.' }
  }
}
