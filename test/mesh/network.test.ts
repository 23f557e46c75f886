import { describe, expect, test } from 'vitest'
import { isNetwork, isPartOf, isWithin } from '#mesh/network.ts'

describe('networks', () => {
  test.each([
    ['192.0.2.7', '192.0.2.0/24', true],
    ['192.0.3.7', '192.0.2.0/24', false],
    ['192.0.2.7', '192.0.2.7', true],
    ['192.0.2.7', '0.0.0.0/0', true],
    ['::ffff:192.0.2.7', '192.0.2.0/24', true],
    ['2001:db8::1', '2001:db8::/32', true],
    ['2001:db9::1', '2001:db8::/32', false],
    ['::1', '::1', true],
    ['::1', '0.0.0.0/0', false],
    ['', '0.0.0.0/0', false],
    ['nonsense', '::/0', false],
  ])('%s within %s is %s', (address, network, is) => {
    expect(isWithin(address, network)).toBe(is)
  })

  test.each([
    ['10.1.0.0/16', '10.0.0.0/8', true],
    ['10.0.0.0/8', '10.1.0.0/16', false],
    ['10.1.2.3', '10.1.0.0/16', true],
    ['2001:db8:1::/48', '2001:db8::/32', true],
    ['10.0.0.0/8', '::/0', false],
  ])('%s part of %s is %s', (network, whole, is) => {
    expect(isPartOf(network, whole)).toBe(is)
  })

  test.each([
    '256.0.0.1',
    '1.2.3',
    '1.2.3.4/33',
    '::/129',
    ':::',
    '1:2:3:4:5:6:7',
    '1::2::3',
    'fe80::1%eth0',
    '1.2.3.4/',
    '/8',
    '',
  ])('%s is none', (text) => {
    expect(isNetwork(text)).toBe(false)
  })
})
