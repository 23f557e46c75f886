import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { RouteSchema } from '#proto/edgewise/config/v1/gateway_pb.ts'
import { ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { callerHeaders, recordOf, upstreamRequest } from '../../../edge/proxy/headers.ts'

function sent(headers: Record<string, string>, route = {}, actor = {}): Record<string, string> {
  const from = new Request('https://gateway.example/r/main/shop', { headers })
  const hop = {
    actor: create(ActorSchema, { workspace: 'main', id: 'key_1', ...actor }),
    address: '192.0.2.1',
    requestId: 'req_1',
    url: from.url,
    to: 'https://up.example/',
  }
  return recordOf(upstreamRequest(from, recordOf(from.headers), create(RouteSchema, route), hop).headers)
}

const ofTheEdge = {
  'x-forwarded-for': '192.0.2.1',
  'x-forwarded-host': 'gateway.example',
  'x-forwarded-proto': 'https',
  'x-request-id': 'req_1',
  'edgewise-actor': 'key_1',
}

describe('an upstream', () => {
  test('is sent what the caller sent, and who it is', () => {
    const own = {
      accept: 'text/csv',
      'x-mine': '1',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    }
    expect(sent(own)).toEqual({ ...own, ...ofTheEdge })
    const known = { subject: 'café/7', scopes: ['app:invoices:read', 'routes:call', 'app:x'] }
    expect(sent({}, {}, known)).toMatchObject({
      'edgewise-subject': 'caf%C3%A9%2F7',
      'edgewise-scopes': 'app:invoices:read app:x',
    })
  })

  test('is never sent a credential of the gateway, nor what a caller says of itself', () => {
    const lies = {
      authorization: 'Bearer ew_secret',
      'x-api-key': 'ew_secret',
      cookie: '__Host-edgewise=ews_secret',
      'x-csrf-token': 'secret',
      'x-forwarded-for': '10.0.0.1',
      'x-forwarded-user': 'root',
      'x-real-ip': '10.0.0.1',
      forwarded: 'for=10.0.0.1',
      'cf-connecting-ip': '10.0.0.1',
      'edgewise-actor': 'somebody else',
      'edgewise-scopes': 'app:everything',
    }
    expect(sent(lies)).toEqual(ofTheEdge)
  })

  test('is not sent what belongs to one connection', () => {
    const hop = {
      te: 'trailers',
      'keep-alive': '5',
      'x-secret-hop': '1',
      connection: 'close, X-Secret-Hop, Authorization',
    }
    expect(sent(hop)).toEqual(ofTheEdge)
  })

  test('is sent what the route sets, also where the caller says otherwise', () => {
    const route = { setHeaders: [{ name: 'authorization', value: 'Bearer own' }], removeHeaders: ['x-mine'] }
    expect(sent({ authorization: 'Bearer ew_secret', 'x-mine': '1' }, route)).toEqual({
      ...ofTheEdge,
      authorization: 'Bearer own',
    })
  })
})

describe('a caller', () => {
  const given = (headers: [string, string][]) => callerHeaders(new Headers(headers))

  test('gets what the upstream says of its answer', () => {
    const own: [string, string][] = [
      ['content-type', 'application/json; charset=utf-8'],
      ['etag', '"1"'],
      ['vary', 'Accept'],
      ['vary', 'Origin'],
      ['x-own', '1'],
    ]
    expect(given(own)).toEqual({
      'content-type': 'application/json; charset=utf-8',
      etag: '"1"',
      vary: 'Accept, Origin',
      'x-own': '1',
      'x-content-type-options': 'nosniff',
    })
  })

  test('gets nothing that would speak for the gateway’s origin', () => {
    expect(
      given([
        ['set-cookie', '__Host-edgewise=ews_fixed; Path=/; Secure'],
        ['access-control-allow-origin', '*'],
        ['access-control-allow-credentials', 'true'],
        ['clear-site-data', '"*"'],
        ['service-worker-allowed', '/'],
        ['strict-transport-security', 'max-age=0'],
        ['edgewise-cost', '0'],
        ['ratelimit', 'none'],
        ['x-request-id', 'other'],
        ['connection', 'x-hop'],
        ['x-hop', '1'],
        ['content-type', 'application/json'],
      ]),
    ).toEqual({ 'content-type': 'application/json', 'x-content-type-options': 'nosniff' })
  })

  test('gets pages that are no pages of the gateway', () => {
    expect(given([['content-type', 'text/html']])).toMatchObject({ 'content-security-policy': 'sandbox' })
    expect(given([['content-type', 'application/jsonx']])).toMatchObject({ 'content-security-policy': 'sandbox' })
    expect(
      given([
        ['content-type', 'image/svg+xml'],
        ['content-security-policy', "script-src 'none'"],
      ]),
    ).toMatchObject({ 'content-security-policy': "script-src 'none', sandbox" })
    expect(given([])).toMatchObject({ 'content-security-policy': 'sandbox' })
  })
})
