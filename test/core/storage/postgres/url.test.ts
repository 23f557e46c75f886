import { describe, expect, test } from 'vitest'
import { parseEnv } from '../../../../core/env.ts'
import { parseDatabaseUrl } from '../../../../core/storage/postgres/url.ts'

const secret = 's3cr3t'

describe('DATABASE_URL', () => {
  test('says where, who, and how long', () => {
    const parameters = 'sslmode=verify-ca&sslrootcert=/ca.pem&pool_size=4&connect_timeout=3&statement_timeout=500'
    expect(parseDatabaseUrl(`postgres://us%40er:p%2Fw@db.example:6543/control?${parameters}`)).toMatchObject({
      host: 'db.example',
      port: 6543,
      user: 'us@er',
      password: 'p/w',
      database: 'control',
      driver: 'pg',
      tls: 'verify-ca',
      caFile: '/ca.pem',
      poolSize: 4,
      connectTimeoutMs: 3_000,
      statementTimeoutMs: 500,
    })
  })

  test.each([
    ['localhost', 'disable', 'pg'],
    ['[::1]', 'disable', 'pg'],
    ['db.example', 'verify-full', 'pg'],
    ['ep-cool-1.eu-central-1.aws.neon.tech', 'verify-full', 'neon'],
  ])('at %s is %s by %s, unless it says otherwise', (host, tls, driver) => {
    expect(parseDatabaseUrl(`postgresql://u:p@${host}/d`)).toMatchObject({ tls, driver, port: 5432 })
  })

  test('is taken as Neon shows it', () => {
    const url = 'postgresql://u:p@ep-1.neon.tech/neondb?sslmode=require&channel_binding=require'
    expect(parseDatabaseUrl(url)).toMatchObject({ driver: 'neon', database: 'neondb' })
  })

  test('can be a socket, and a WebSocket', () => {
    expect(parseDatabaseUrl('postgres://u@localhost/d?host=/run/pg')).toMatchObject({ host: '/run/pg', tls: 'disable' })
    const url = 'postgres://u:p@localhost/d?driver=neon&ws_proxy=ws://127.0.0.1:8080/v1'
    expect(parseDatabaseUrl(url)).toMatchObject({ driver: 'neon', wsProxy: 'ws://127.0.0.1:8080/v1' })
  })

  test.each([
    ['nonsense', /must be like postgres:/],
    [`mysql://u:${secret}@h/d`, /must begin with postgres:/],
    [`postgres://:${secret}@h/d`, /names no user/],
    [`postgres://u:${secret}@h`, /names no database/],
    [`postgres://u:${secret}%zz@h/d`, /%-escape/],
    [`postgres://u:${secret}@h/d?ssl_mode=require`, /unknown parameter ssl_mode; did you mean sslmode\?/],
    [`postgres://u:${secret}@h/d?pool_size=4&pool_size=5`, /has pool_size twice/],
    [`postgres://u:${secret}@h/d?pool_size=1`, /pool_size must be a whole number from 2 to 200/],
    [`postgres://u:${secret}@h/d?connect_timeout=soon`, /connect_timeout must be a whole number/],
    [`postgres://u:${secret}@h/d?sslmode=prefer`, /sslmode=prefer is no protection/],
    [`postgres://u:${secret}@h/d?sslmode=verify`, /sslmode must be one of disable, require, verify-ca, verify-full/],
    [`postgres://u:${secret}@h/d?sslmode=disable&sslrootcert=ca.pem`, /sslrootcert is for sslmode=require/],
    [`postgres://u:${secret}@h/d?sslcert=a.pem`, /sslcert and sslkey go together/],
    [`postgres://u:${secret}@h/d?channel_binding=require`, /cannot be promised/],
    [`postgres://u:${secret}@h/d?ws_proxy=ws://p`, /ws_proxy is for driver=neon/],
  ])('%s does not hold', (text, reason) => {
    const said = parseDatabaseUrl(text)
    expect(said).toMatch(reason)
    expect(said).not.toContain(secret)
  })

  test('that does not hold is named with the other variables, and not shown', () => {
    const read = (): unknown => parseEnv({ DATABASE_URL: `postgres://u:${secret}@h/d?sslmod=require` })
    expect(read).toThrow(/DATABASE_URL: has an unknown parameter sslmod; did you mean sslmode\?/)
    expect(read).not.toThrow(secret)
  })
})
