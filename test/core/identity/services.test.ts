import { describe, expect, test } from 'vitest'
import type { Peer } from '#mesh/rpc/call.ts'
import { createServices, parseServices } from '../../../core/identity/index.ts'

const orders = 'spiffe://cluster.local/ns/shop/sa/orders'
const edge = 'spiffe://cluster.local/ns/edge/sa/edge'
const list = `${orders} workspace=shop events:write:orders streams:read,\n ${edge} internal:edge`

describe('the list of services', () => {
  test('says who each is, in which workspace, with which scopes', () => {
    expect([...(parseServices(list) as ReadonlyMap<string, object>).entries()]).toMatchObject([
      [orders, { id: orders, workspace: 'shop', scopes: ['events:write:orders', 'streams:read'] }],
      [edge, { id: edge, workspace: '', scopes: ['internal:edge'] }],
    ])
    expect(parseServices('')).toEqual(new Map())
  })

  test.each([
    ['nobody internal:edge', 'is not a SPIFFE ID'],
    [`${edge} internal:edge, ${edge} internal:edge`, 'is there twice'],
    [edge, 'has no scope'],
    [`${orders} workspace=shop`, 'has no scope'],
    [`${orders} events:write`, 'needs a workspace'],
    [`${orders} internal:operator`, 'needs a workspace'],
    [`${orders} workspace=shop internal:edge`, 'is not a scope'],
    [`${orders} workspace=Shop events:write`, 'needs a workspace'],
    [`${orders} workspace=shop events:writ`, 'is not a scope'],
  ])('%s does not hold', (text, why) => {
    expect(parseServices(text)).toContain(why)
  })
})

describe('a service', () => {
  const actors = parseServices(list) as ReadonlyMap<string, never>
  const said = `By=x;Hash=y;Subject="";URI=${orders}`
  function who(peer: Partial<Peer>, { header, forwarded = false }: { header?: string; forwarded?: boolean } = {}) {
    const metadata = new Map(header === undefined ? [] : [['x-forwarded-client-cert', header]])
    const call = { metadata, peer: () => ({ address: '192.0.2.1', spiffeId: undefined, ...peer }) }
    return createServices(actors, { forwarded })(call)?.id
  }

  test.each([
    ['its certificate', { spiffeId: orders }, {}, orders],
    ['a sidecar over loopback', { address: '127.0.0.6' }, { header: said, forwarded: true }, orders],
    ['a sidecar over loopback, by IPv6', { address: '::1' }, { header: said, forwarded: true }, orders],
    [
      'its certificate before anything said',
      { address: '127.0.0.1', spiffeId: edge },
      { header: said, forwarded: true },
      edge,
    ],
  ])('is known by %s', (_, peer, told, expected) => {
    expect(who(peer, told)).toBe(expected)
  })

  test.each([
    ['no certificate', {}, {}],
    ['a certificate of somebody who is not on the list', { spiffeId: 'spiffe://cluster.local/ns/x/sa/y' }, {}],
    ['a header, where none is believed', { address: '127.0.0.1' }, { header: said }],
    ['a header from elsewhere', { address: '192.0.2.1' }, { header: said, forwarded: true }],
    ['a header from what looks like loopback', { address: '127.0.0.1.example.com' }, { header: said, forwarded: true }],
    ['a header over a Unix socket', { address: '' }, { header: said, forwarded: true }],
  ])('is nobody by %s', (_, peer, told) => {
    expect(who(peer, told)).toBeUndefined()
  })
})
