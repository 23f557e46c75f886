import { describe, expect, test } from 'vitest'
import { parseEnv } from '../../../../core/env.ts'
import { parseMysqlUrl } from '../../../../core/storage/mysql/url.ts'

const secret = 's3cr3t'

describe('MYSQL_URL', () => {
  test('says where, who, and how long', () => {
    const parameters = 'ssl-mode=VERIFY_CA&ssl-ca=/ca.pem&pool_size=4&connect_timeout=3&statement_timeout=500'
    expect(parseMysqlUrl(`mysql://us%40er:p%2Fw@db.example:6033/items?${parameters}`)).toMatchObject({
      host: 'db.example',
      port: 6033,
      user: 'us@er',
      password: 'p/w',
      database: 'items',
      tls: 'verify-ca',
      caFile: '/ca.pem',
      poolSize: 4,
      connectTimeoutMs: 3_000,
      statementTimeoutMs: 500,
      lockTimeoutMs: 10_000,
    })
  })

  test.each([
    ['localhost', 'disabled'],
    ['[::1]', 'disabled'],
    ['db.example', 'verify-identity'],
  ])('at %s is %s, unless it says otherwise', (host, tls) => {
    expect(parseMysqlUrl(`mysql://u:p@${host}/d`)).toMatchObject({ tls, port: 3306 })
    expect(parseMysqlUrl(`mariadb://u:p@${host}/d?ssl-mode=required`)).toMatchObject({ tls: 'required' })
  })

  test('can be a socket', () => {
    expect(parseMysqlUrl('mysql://u@localhost/d?socket=/run/m.sock')).toMatchObject({
      socket: '/run/m.sock',
      tls: 'disabled',
    })
  })

  test.each([
    ['nonsense', 'must be like'],
    [`postgres://u:${secret}@h/d`, 'must begin with mysql://'],
    [`mysql://:${secret}@h/d`, 'names no user'],
    [`mysql://u:${secret}@h`, 'names no database'],
    [`mysql://u:${secret}@h/d?ssl-mod=required`, 'did you mean ssl-mode?'],
    [`mysql://u:${secret}@h/d?pool_size=4&pool_size=5`, 'has pool_size twice'],
    [`mysql://u:${secret}@h/d?pool_size=0`, 'pool_size must be a whole number from 1 to 200'],
    [`mysql://u:${secret}@h/d?ssl-mode=preferred`, 'no protection'],
    [`mysql://u:${secret}@h/d?ssl-mode=on`, 'ssl-mode must be one of'],
    [`mysql://u:${secret}@localhost/d?ssl-ca=/ca`, 'ssl-ca is for ssl-mode=required'],
    [`mysql://u:${secret}@h/d?ssl-cert=/c`, 'go together'],
    [`mysql://u:${secret}%zz@h/d`, 'has a %-escape that is none'],
  ])('%s is refused, and not shown', (url, reason) => {
    const said = parseMysqlUrl(url)
    expect(said).toContain(reason)
    expect(said).not.toContain(secret)
    expect(() => parseEnv({ MYSQL_URL: url })).toThrow(/MYSQL_URL: /)
    expect(() => parseEnv({ MYSQL_URL: url })).not.toThrow(secret)
  })
})
