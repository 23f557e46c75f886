import { type MysqlUrl, parseMysqlUrl } from '../../core/storage/mysql/url.ts'

/** Where a server of a test is. */
export function mysqlUrl(text: string): MysqlUrl {
  const url = parseMysqlUrl(text)
  if (typeof url === 'string') throw new Error(url)
  return url
}
