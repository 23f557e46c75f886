import { describe, expect, test } from 'vitest'
import { checkUpstream } from '../../../core/config/upstreams.ts'

const allowed = ['shop.example.com', '10.0.0.7:8080', '.trusted.example', '[::1]:9000']

describe('an upstream', () => {
  test.each([
    ['https://shop.example.com/base', true],
    ['https://SHOP.example.com./', true],
    ['http://10.0.0.7:8080', true],
    ['https://a.trusted.example', false],
    ['http://[::1]:9000/', true],
  ])('%s is allowed', (url, trusted) => {
    expect(checkUpstream(url, allowed, '/upstream')).toEqual({ trusted })
  })

  test.each([
    ['https://other.example.com', 'its host is not allowed'],
    ['https://trusted.example', 'its host is not allowed'],
    ['https://untrusted.example', 'its host is not allowed'],
    ['https://a.trusted.example.evil.com', 'its host is not allowed'],
    ['http://a.trusted.example', 'must be https'],
    ['https://a.trusted.example:22', 'its port is not allowed'],
    ['http://10.0.0.7:8081', 'its address is a private one'],
    ['http://0x7f.1/', 'its address is a private one'],
    ['http://2130706433/', 'its address is a private one'],
    ['http://169.254.169.254/latest', 'its address is a private one'],
    ['http://[::ffff:10.0.0.7]:8080', 'its address is a private one'],
    ['https://localhost', 'its host is not allowed'],
    ['https://8.8.8.8', 'its host is not allowed'],
    ['file:///etc/passwd', 'must be https'],
    ['https://me:secret@shop.example.com', 'holds a credential'],
    ['https://shop.example.com/?a=1', 'may hold no query and no fragment'],
    ['shop', 'is not a URL'],
  ])('%s is refused: %s', (url, reason) => {
    expect(() => checkUpstream(url, allowed, '/upstream')).toThrow(
      expect.objectContaining({ problem: 'request.invalid', errors: [{ pointer: '/upstream', reason }] }),
    )
  })

  test('a refusal does not repeat the credential', () => {
    expect(() => checkUpstream('https://me:secret@shop.example.com', allowed, '/upstream')).toThrow(/^(?!.*secret)/)
  })

  test('none is allowed where the operator names none', () => {
    expect(() => checkUpstream('https://shop.example.com', [], '/upstream')).toThrow('cannot be an upstream')
  })
})
