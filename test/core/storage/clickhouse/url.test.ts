import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parseClickHouseUrl } from '../../../../core/storage/clickhouse/url.ts'
import { temporaryDirectory } from '../../../support/directory.ts'

const directory = temporaryDirectory()
const pem = join(directory.path, 'a.pem')
writeFileSync(pem, 'pem')
afterAll(() => directory.remove())

const plain = { username: 'default', password: '', cluster: undefined, maxConnections: 32, patienceMs: 1_000 }
const bytes = Buffer.from('pem')

test.each([
  ['http://localhost:8123', { ...plain, url: 'http://localhost:8123' }],
  ['https://[::1]:8443/', { ...plain, url: 'https://[::1]:8443' }],
  ['http://me:p%40ss%2F@a.b:1', { ...plain, url: 'http://a.b:1', username: 'me', password: 'p@ss/' }],
  [
    'http://a:1?cluster=main-1&pool_size=4&patience_ms=0',
    { ...plain, url: 'http://a:1', cluster: 'main-1', maxConnections: 4, patienceMs: 0 },
  ],
  [`https://a:1?ca=${pem}`, { ...plain, url: 'https://a:1', tls: { ca: bytes } }],
  [
    `https://a:1?key=${pem}&cert=${pem}&ca=${pem}`,
    { ...plain, url: 'https://a:1', tls: { ca: bytes, cert: bytes, key: bytes } },
  ],
])('%s', (text, url) => expect(parseClickHouseUrl(text)).toEqual(url))

test.each([
  ['localhost:8123', 'must be like http://'],
  ['clickhouse://me:secret@a:9000', 'must be like http://'],
  ['http://me:secret@a:1/shop', 'has a path'],
  ['http://me:secret@a:1?clutser=x', 'has no parameter `clutser`'],
  ['http://a:1?password=secret', 'has no parameter `password`'],
  ['http://a:1?cluster=a%20b', 'cluster must be'],
  ["http://a:1?cluster=a'b", 'cluster must be'],
  ['http://a:1?pool_size=1', 'pool_size must be'],
  ['http://a:1?patience_ms=soon', 'patience_ms must be'],
  [`http://a:1?ca=${pem}`, 'ca needs https://'],
  [`https://a:1?cert=${pem}&key=${pem}`, 'cert and key need ca'],
  [`https://a:1?ca=${pem}&key=${pem}`, 'cert and key go together'],
  ['https://a:1?ca=/nowhere', 'cannot be read'],
  ['http://me:secret%zz@a:1', 'must be percent-encoded'],
])('%s says what does not hold, and no secret', (text, said) => {
  const url = parseClickHouseUrl(text)
  expect(url).toContain(said)
  expect(url).not.toContain('secret')
})
