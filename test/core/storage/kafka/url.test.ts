import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parseKafkaUrl } from '../../../../core/storage/kafka/url.ts'
import { temporaryDirectory } from '../../../support/directory.ts'

const directory = temporaryDirectory()
const ca = join(directory.path, 'ca.pem')
writeFileSync(ca, 'an authority')
afterAll(() => directory.remove())

const plain = { clientId: 'edgewise', prefix: 'edgewise', timeoutMs: 10_000 }

test.each([
  ['kafka://localhost:9092', { ...plain, brokers: ['localhost:9092'] }],
  ['kafka://a.b:1,10.0.0.2:2/', { ...plain, brokers: ['a.b:1', '10.0.0.2:2'] }],
  ['kafka://[::1]:9092', { ...plain, brokers: ['[::1]:9092'] }],
  [
    'kafka://a:9092?prefix=shop-1&client_id=x&timeout_ms=500&tls=true',
    { brokers: ['a:9092'], clientId: 'x', prefix: 'shop-1', timeoutMs: 500, tls: {} },
  ],
  [
    `kafka://me:p%40ss:%2F@a:1?sasl=scram-sha-512&tls=true&ca=${ca}`,
    {
      ...plain,
      brokers: ['a:1'],
      tls: { ca: 'an authority' },
      sasl: { mechanism: 'SCRAM-SHA-512', username: 'me', password: 'p@ss:/' },
    },
  ],
])('%s', (text, options) => expect(parseKafkaUrl(text)).toEqual(options))

test.each([
  ['localhost:9092', 'must be `kafka://'],
  ['kafka://', 'must be `kafka://'],
  ['http://localhost:9092', 'must be `kafka://'],
  ['kafka://localhost', '`localhost` must be `host:port`'],
  ['kafka://a:1,b', '`b` must be `host:port`'],
  ['kafka://a:1?tsl=true', 'has no parameter `tsl`'],
  ['kafka://a:1?tls=yes', 'tls must be true or false'],
  ['kafka://a:1?ca=/x', 'ca needs tls=true'],
  ['kafka://a:1?tls=true&cert=/x', 'cert and key go together'],
  ['kafka://a:1?tls=true&ca=/nowhere', 'cannot be read'],
  ['kafka://a:1?prefix=a.b', 'prefix must be'],
  ['kafka://a:1?prefix=a--b', 'prefix must be'],
  ['kafka://a:1?prefix=a-', 'prefix must be'],
  ['kafka://a:1?timeout_ms=soon', 'timeout_ms must be'],
  ['kafka://a:1?sasl=plain', 'sasl needs user:password@'],
  ['kafka://me@a:1', 'needs a password'],
  ['kafka://me:secret@a:1?sasl=md5', 'sasl must be one of'],
  ['kafka://me:%zz@a:1', 'must be percent-encoded'],
])('%s says what does not hold, and no secret', (text, said) => {
  const options = parseKafkaUrl(text)
  expect(options).toContain(said)
  expect(options).not.toContain('secret')
})
