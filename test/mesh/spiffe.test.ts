import { describe, expect, test } from 'vitest'
import { forwardedSpiffeId, isSpiffeId, spiffeIdOf } from '../../mesh/spiffe.ts'

const id = 'spiffe://cluster.local/ns/shop/sa/orders'
const other = 'spiffe://cluster.local/ns/edge/sa/edge'

test.each([
  [id, true],
  ['spiffe://cluster.local', false],
  ['spiffe://cluster.local/', false],
  ['spiffe://cluster.local//orders', false],
  ['spiffe://Cluster.local/orders', false],
  ['spiffe://cluster.local:80/orders', false],
  ['spiffe://user@cluster.local/orders', false],
  ['spiffe://cluster.local/orders?x', false],
  ['https://cluster.local/orders', false],
  [`spiffe://cluster.local/${'x'.repeat(2_048)}`, false],
])('%s is a SPIFFE ID: %s', (text, expected) => {
  expect(isSpiffeId(text)).toBe(expected)
})

describe('of a certificate', () => {
  test.each([
    ['nothing', undefined, undefined],
    ['its one URI', `URI:${id}`, id],
    ['its one URI beside other names', `DNS:orders.shop.svc, URI:${id}, IP Address:10.0.0.1`, id],
    ['none of two URIs', `URI:${id}, URI:${other}`, undefined],
    ['no URI of another kind', 'URI:https://example.com/x', undefined],
    ['nothing of a name in quotes', `DNS:"x, URI:${id}, y"`, undefined],
    ['no name of another type', `DNS:${id}`, undefined],
  ])('the id is %s', (_, names, expected) => {
    expect(spiffeIdOf(names)).toBe(expected)
  })
})

describe('that a proxy passes on', () => {
  const own = `By=spiffe://cluster.local/ns/core/sa/core;Hash=abc;Subject="";URI=${id}`
  test.each([
    ['what it says', own, id],
    ['what it says of a subject with commas', `Hash=abc;Subject="O=a, CN=b;c";URI=${id}`, id],
    ['what it says, and not what came to it', `By=x;URI=${other},${own}`, id],
    ['nothing where what came to it begins a quote', `URI=${other};Subject=",${own}`, undefined],
    ['nothing where what came to it hides a quote', `URI=${other};Subject="\\",${own}`, undefined],
    ['nothing without an id', 'By=x;Hash=abc;Subject=""', undefined],
    ['nothing of two ids', `URI=${id};URI=${other}`, undefined],
    ['nothing of nothing', '', undefined],
    ['nothing when it says nothing last', `URI=${other},`, undefined],
    ['what it says in another case', `by=x;uri=${id}`, id],
  ])('the id is %s', (_, header, expected) => {
    expect(forwardedSpiffeId(header)).toBe(expected)
  })
})
