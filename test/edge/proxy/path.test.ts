import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { RouteSchema } from '#proto/edgewise/config/v1/gateway_pb.ts'
import { targetOf, upstreamUrl } from '../../../edge/proxy/path.ts'

const route = (more = {}) => create(RouteSchema, { path: '/shop', upstream: 'https://up.example/api', ...more })
const to = (path: string, more = {}) => upstreamUrl(route(more), targetOf(`https://edge.test/r/main${path}`))

describe('where a request goes', () => {
  test('is the upstream and what follows the prefix, as it came', () => {
    expect(to('/shop')).toBe('https://up.example/api')
    expect(to('/shop/')).toBe('https://up.example/api/')
    expect(to('/shop/a%20b/c;d=1?x=1&x=2#frag')).toBe('https://up.example/api/a%20b/c;d=1?x=1&x=2')
    expect(to('/shop?x=%2F..')).toBe('https://up.example/api?x=%2F..')
    expect(to('/shop//other.example/')).toBe('https://up.example/api//other.example/')
    expect(to('/shop/v1.2/file.tar.gz')).toBe('https://up.example/api/v1.2/file.tar.gz')
    expect(to('/shop/@evil.example/')).toBe('https://up.example/api/@evil.example/')
  })

  test('may keep the prefix, and a route of everything has none', () => {
    expect(to('/shop/a', { keepPath: true })).toBe('https://up.example/api/shop/a')
    expect(to('/a/b', { path: '/' })).toBe('https://up.example/api/a/b')
    expect(to('/', { path: '/', upstream: 'https://up.example/' })).toBe('https://up.example/')
  })

  test.each([
    '/shop/../admin',
    '/shop/%2e%2e/admin',
    '/shop/..%2fadmin',
    '/shop/%2E./admin',
    '/shop/a\\..\\b',
    '/shop/%5c..%5cb',
    '/shop/..;/admin',
    '/shop/.',
    '/shop/%00',
    '/shop/%0d%0aX: y',
    '/shop/%zz',
  ])('is nowhere for %j', (path) => {
    // As it stands in the request, which URL would tidy.
    const target = { workspace: 'main', path, search: '' }
    expect(() => upstreamUrl(route(), target)).toThrow('can be read in more than one way')
  })
})

test('a workspace and its path', () => {
  expect(targetOf('https://e/r/main/a/b?c=d')).toEqual({ workspace: 'main', path: '/a/b', search: '?c=d' })
  expect(targetOf('https://e/r/main')).toEqual({ workspace: 'main', path: '/', search: '' })
  expect(targetOf('https://e/r/main?x=/y')).toEqual({ workspace: 'main', path: '/', search: '?x=/y' })
})
