import { describe, expect, test } from 'vitest'
import { networkOf } from '#mesh/network.ts'
import { addressOf } from '../../../edge/limit/address.ts'

function request(cf: object | undefined, headers: Record<string, string> = {}): Request {
  return Object.assign(new Request('http://edge/', { headers }), { cf })
}

describe('where a request comes from', () => {
  test.each([
    [{ clientIp: '192.0.2.7:4711' }, '192.0.2.7'],
    [{ clientIp: '[2001:db8::1]:4711' }, '2001:db8::1'],
    [{ clientIp: '2001:db8::1' }, '2001:db8::1'],
    [{}, ''],
    [undefined, ''],
  ])('%o is %s', (cf, address) => {
    expect(addressOf(request(cf, { 'x-forwarded-for': '198.51.100.1' }), undefined)).toBe(address)
  })

  test('is what the installation’s own proxy appended, not what the client wrote before it', () => {
    const headers = { 'x-forwarded-for': '198.51.100.1, 203.0.113.9' }
    expect(addressOf(request({ clientIp: '10.0.0.1:1' }, headers), 'x-forwarded-for')).toBe('203.0.113.9')
  })

  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['', ''],
  ])('%s shares its limit with %s', (address, network) => {
    expect(networkOf(address)).toBe(network)
  })
})
