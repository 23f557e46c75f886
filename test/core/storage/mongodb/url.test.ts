import { describe, expect, test } from 'vitest'
import { parseMongoUrl } from '../../../../core/storage/mongodb/url.ts'
import { mongoUrl } from '../../../support/mongodb.ts'

describe('MONGODB_URL', () => {
  test.each([
    ['mongodb://127.0.0.1:27017/shop', '127.0.0.1:27017', 'shop'],
    ['mongodb://a.example:1,b.example:2/shop?replicaSet=rs0', 'a.example:1,b.example:2', 'shop'],
    ['mongodb+srv://user:p%40ss%2Fword@cluster.example/shop', 'cluster.example', 'shop'],
    ['mongodb://localhost', 'localhost', 'edgewise'],
    ['mongodb://localhost/?appName=other', 'localhost', 'edgewise'],
  ])('%s names its hosts and its database, or takes ours', (text, hosts, database) => {
    expect(mongoUrl(text)).toMatchObject({ text, hosts, database })
  })

  test('has TLS over a network unless it says otherwise, and our bounds where it has none', () => {
    expect(mongoUrl('mongodb://db.example/shop').defaults).toMatchObject({
      tls: true,
      maxPoolSize: 20,
      socketTimeoutMS: 10_000,
    })
    expect(mongoUrl('mongodb://db.example/shop?tls=false').defaults).not.toHaveProperty('tls')
    expect(mongoUrl('mongodb://localhost,db.example/shop').defaults).toHaveProperty('tls', true)
    for (const near of ['localhost:1', '127.0.0.1', '[::1]:27017', '%2Ftmp%2Fmongodb-27017.sock'])
      expect(mongoUrl(`mongodb://${near}/shop`).defaults).not.toHaveProperty('tls')
    // It has it by itself.
    expect(mongoUrl('mongodb+srv://db.example/shop').defaults).not.toHaveProperty('tls')
    expect(mongoUrl('mongodb://localhost/?MAXPOOLSIZE=7&socketTimeoutMS=50').defaults).toEqual(
      expect.not.objectContaining({ maxPoolSize: 20, socketTimeoutMS: 10_000 }),
    )
  })

  test.each([
    ['postgres://user:secret@localhost/shop', 'must be like mongodb://'],
    ['mongodb://user:se/cret@localhost/shop', 'must be like mongodb://'],
    ['mongodb://user:se@cret@localhost/shop', 'must be like mongodb://'],
    ['mongodb://', 'must be like mongodb://'],
    ['mongodb://user:secret%zz@localhost/shop', 'has a %-escape that is none'],
    ['mongodb://user:secret@localhost/a.b', 'names a database that cannot be one'],
    ['mongodb://user:secret@localhost/a%24b', 'names a database that cannot be one'],
    ['mongodb://user:secret@localhost/shop?w=0', 'has w=0'],
    ['mongodb://user:secret@localhost/shop?journal=false', 'has journal=false'],
    ['mongodb://user:secret@localhost/shop?readPreference=secondary', 'has a readPreference'],
    ['mongodb://user:secret@localhost/shop?maxPoolSize=0', 'maxPoolSize must be'],
    ['mongodb://user:secret@localhost/shop?maxPoolSize=1e9', 'maxPoolSize must be'],
  ])('%s is refused, and nothing of it repeated', (text, reason) => {
    const refused = parseMongoUrl(text)
    expect(refused).toContain(reason)
    expect(refused).not.toContain('cret')
  })
})
