import { type MongoUrl, parseMongoUrl } from '../../core/storage/mongodb/url.ts'

export function mongoUrl(text: string): MongoUrl {
  const url = parseMongoUrl(text)
  if (typeof url === 'string') throw new Error(url)
  return url
}
