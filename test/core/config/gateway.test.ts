import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PutLimitRequestSchema, PutRouteRequestSchema, type RouteSchema } from '#proto/edgewise/config/v1/gateway_pb.ts'
import { WatchRequestSchema } from '#proto/edgewise/config/v1/config_pb.ts'
import { migrations as audit } from '../../../core/audit/index.ts'
import { createConfig, migrations } from '../../../core/config/index.ts'
import { createSeal } from '../../../core/seal.ts'
import { callBy } from '../../support/call.ts'
import { freshControl } from '../../support/control.ts'

const admin = { scopes: ['routes:admin', 'limits:admin'] }
const other = { ...admin, workspace: 'other' }
const edge = { workspace: '', id: 'svc_edge', scopes: ['internal:edge'] }
const upstreams = ['shop.example.com', '10.0.0.7:8080', '.trusted.example']
const [oldKey, newKey] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]

let control: Awaited<ReturnType<typeof freshControl>>
const gatewayOf = (options: Partial<Parameters<typeof createConfig>[0]> = {}) =>
  createConfig({ db: control.db, seal: createSeal(oldKey), upstreams, ...options })

beforeAll(async () => {
  control = await freshControl([audit, migrations])
})
afterAll(() => control?.close())

function put(
  route: MessageInitShape<typeof RouteSchema>,
  { by = admin, ...more }: { by?: object; ifVersion?: number; dryRun?: boolean } = {},
  config = gatewayOf(),
) {
  const whole = { name: 'shop', path: '/shop', upstream: 'https://shop.example.com/api', ...route }
  return config.gateway.putRoute(create(PutRouteRequestSchema, { route: whole, ...more }), callBy(by))
}
const held = async (workspace = 'main', config = gatewayOf()) =>
  config.gateway.getGateway({ $typeName: 'edgewise.config.v1.GetGatewayRequest', workspace }, callBy(edge))
const get = (name: string, by: object = admin) =>
  gatewayOf().gateway.getRoute({ $typeName: 'edgewise.config.v1.GetRouteRequest', name }, callBy(by))

describe('a route', () => {
  test('is what edges hold, and grows a version with each change', async () => {
    const before = await gatewayOf().service.watch(create(WatchRequestSchema), callBy(edge))
    expect(await put({ methods: ['GET'], retries: 1 })).toMatchObject({ version: 1, timeoutMs: 30_000, trusted: true })
    expect(await put({ methods: [], cache: { ttlSeconds: 5 } }, { ifVersion: 1 })).toMatchObject({ version: 2 })
    await expect(put({}, { ifVersion: 1 })).rejects.toMatchObject({ problem: 'request.precondition' })
    expect((await held()).routes).toMatchObject([{ name: 'shop', version: 2, methods: [], cache: { ttlSeconds: 5 } }])
    const { changes } = await gatewayOf().service.watch(
      create(WatchRequestSchema, { since: before.cursor }),
      callBy(edge),
    )
    expect(changes).toMatchObject([{ workspace: 'main', name: 'shop' }, { name: 'shop' }])
  })

  test('is of its workspace alone, and edges alone are told all', async () => {
    await expect(get('shop', other)).rejects.toMatchObject({ problem: 'resource.not_found' })
    await put({ upstream: 'https://shop.example.com/theirs' }, { by: other })
    expect((await held('main')).routes).toMatchObject([{ upstream: 'https://shop.example.com/api' }])
    expect((await held('nobody')).routes).toEqual([])
    for (const by of [admin, {}, { scopes: ['routes:call'] }]) {
      const asked = { $typeName: 'edgewise.config.v1.GetGatewayRequest', workspace: 'main' } as const
      await expect(gatewayOf().gateway.getGateway(asked, callBy(by))).rejects.toMatchObject({ problem: 'auth.scope' })
    }
    await expect(put({}, { by: { scopes: ['routes:call'] } })).rejects.toMatchObject({ problem: 'auth.scope' })
    await expect(put({}, { by: { scopes: ['routes:admin:other'] } })).rejects.toMatchObject({ problem: 'auth.scope' })
  })

  test('has a path that no other has', async () => {
    await expect(put({ name: 'second' })).rejects.toMatchObject({
      problem: 'resource.exists',
      errors: [{ pointer: '/path' }],
    })
    await put({ name: 'second', path: '/shop/second' })
    await gatewayOf().gateway.deleteRoute(
      { $typeName: 'edgewise.config.v1.DeleteRouteRequest', name: 'second' },
      callBy(admin),
    )
    await expect(get('second')).rejects.toMatchObject({ problem: 'resource.not_found' })
  })

  test('that is only tried changes nothing', async () => {
    expect(await put({ name: 'dry', path: '/dry' }, { dryRun: true })).toMatchObject({ version: 1 })
    await expect(get('dry')).rejects.toMatchObject({ problem: 'resource.not_found' })
  })

  test.each([
    [{ path: 'shop' }, '/path'],
    [{ path: '/a/' }, '/path'],
    [{ path: '/a/../b' }, '/path'],
    [{ path: '/a%2fb' }, '/path'],
    [{ path: '/a//b' }, '/path'],
    [{ path: `/${'a'.repeat(200)}` }, '/path'],
    [{ methods: ['get'] }, '/methods/0'],
    [{ methods: ['CONNECT'] }, '/methods/0'],
    [{ timeoutMs: 300_001 }, '/timeout_ms'],
    [{ retries: 6 }, '/retries'],
    [{ limit: { requests: 1, windowSeconds: 86_401 } }, '/limit/window_s'],
    [{ setHeaders: [{ name: 'Host', value: 'x' }] }, '/set_headers/0'],
    [{ setHeaders: [{ name: 'host', value: 'x' }] }, '/set_headers/0'],
    [{ setHeaders: [{ name: 'x-a', value: 'x\r\ny: z' }] }, '/set_headers/0'],
    [{ setHeaders: [{ name: 'x-a', value: 'é' }] }, '/set_headers/0'],
    [{ setHeaders: [{ name: 'edgewise-actor', value: 'root' }] }, '/set_headers/0'],
    [{ setHeaders: [{ name: 'x-forwarded-for', value: '10.0.0.1' }] }, '/set_headers/0'],
    [{ setHeaders: [{ name: 'x-new' }] }, '/set_headers/0'],
    [{ removeHeaders: ['x a'] }, '/remove_headers/0'],
    [{ upstream: 'http://169.254.169.254/' }, '/upstream'],
    [{ upstream: 'https://elsewhere.example' }, '/upstream'],
  ])('that does not hold is refused by name: %j', async (wrong, pointer) => {
    await expect(put({ name: 'wrong', path: '/wrong', ...wrong })).rejects.toMatchObject({
      problem: 'request.invalid',
      errors: [{ pointer }],
    })
  })

  test('that leads where the operator allows nothing any more is said to, and is not served', async () => {
    const [route] = (await held('main', gatewayOf({ upstreams: [] }))).routes
    expect(route).toMatchObject({ name: 'shop', trusted: false })
    expect(route?.disabled).toContain('UPSTREAM_ALLOW')
  })

  test('leads to a private address only where the operator names it in full', async () => {
    expect(await put({ upstream: 'http://10.0.0.7:8080' })).toMatchObject({ trusted: true, disabled: '' })
    expect(await put({ upstream: 'https://a.trusted.example' })).toMatchObject({ trusted: false, disabled: '' })
  })
})

describe('headers that a route sets', () => {
  const secret = 'Bearer of-the-upstream'
  const set = { name: 'secretive', path: '/secretive' }

  test('are told to edges alone, and kept sealed', async () => {
    const made = await put({ ...set, setHeaders: [{ name: 'authorization', value: secret }] })
    for (const shown of [made, await get('secretive')]) {
      expect(shown.setHeaders).toMatchObject([{ name: 'authorization' }])
      expect(shown.setHeaders[0]?.value).toBeUndefined()
    }
    const route = (await held()).routes.find(({ name }) => name === 'secretive')
    expect(route?.setHeaders).toMatchObject([{ name: 'authorization', value: secret }])
    const stored = await control.db.execute('select * from config_routes')
    const audited = await control.db.execute('select * from audit_entries')
    expect(JSON.stringify([stored, audited])).toContain('secretive')
    expect(JSON.stringify([stored, audited])).not.toContain('of-the-upstream')
  })

  test('keep their values, unless the upstream is another one', async () => {
    const kept = { ...set, setHeaders: [{ name: 'authorization' }] }
    await put({ ...kept, upstream: 'https://shop.example.com/another/path' })
    const route = (await held()).routes.find(({ name }) => name === 'secretive')
    expect(route?.setHeaders).toMatchObject([{ name: 'authorization', value: secret }])
    await expect(put({ ...kept, upstream: 'https://evil.trusted.example' })).rejects.toMatchObject({
      problem: 'request.invalid',
      errors: [{ pointer: '/set_headers/0' }],
    })
  })

  test('are put under another master key', async () => {
    const both = gatewayOf({ seal: createSeal(newKey, [oldKey]) })
    await both.reseal()
    const afterwards = gatewayOf({ seal: createSeal(newKey) })
    const route = (await held('main', afterwards)).routes.find(({ name }) => name === 'secretive')
    expect(route?.setHeaders).toMatchObject([{ value: secret }])
    await gatewayOf({ seal: createSeal(oldKey, [newKey]) }).reseal()
  })
})

describe('a limit by name', () => {
  const putLimit = (limit: object, by: object = admin) =>
    gatewayOf().gateway.putLimit(
      create(PutLimitRequestSchema, { limit: { name: 'sends', requests: 10, windowSeconds: 60, ...limit } }),
      callBy(by),
    )

  test('is what edges hold', async () => {
    expect(await putLimit({ burst: 2 })).toMatchObject({ name: 'sends', requests: 10, burst: 2 })
    await putLimit({ requests: 20 }, other)
    expect((await held()).limits).toMatchObject([{ name: 'sends', requests: 10, windowSeconds: 60, burst: 2 }])
    await gatewayOf().gateway.deleteLimit(
      { $typeName: 'edgewise.config.v1.DeleteLimitRequest', name: 'sends' },
      callBy(admin),
    )
    expect((await held()).limits).toEqual([])
    expect((await held('other')).limits).toMatchObject([{ requests: 20 }])
  })

  test.each([
    [{ requests: 0 }, '/requests'],
    [{ windowSeconds: 0 }, '/window_s'],
    [{ windowSeconds: 86_401 }, '/window_s'],
    [{ burst: 11 }, '/burst'],
  ])('that does not hold is refused by name: %j', async (wrong, pointer) => {
    await expect(putLimit(wrong)).rejects.toMatchObject({ problem: 'request.invalid', errors: [{ pointer }] })
    await expect(putLimit({}, { scopes: ['limits:use'] })).rejects.toMatchObject({ problem: 'auth.scope' })
  })
})
