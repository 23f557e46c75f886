import { expect, test } from 'vitest'
import { Failure } from '#mesh/errors.ts'
import { basicCredentialOf, credentialOf } from '../../../edge/auth/credential.ts'

const headers = (authorization: string) => new Headers({ authorization })
const session = `ews_${'A'.repeat(43)}`

test('the password of any user is a key, where clients know no other way, and a bearer is one there too', () => {
  for (const text of ['main:ew_1', ':ew_1', 'a b é:ew_1'.replace('é', '\xe9')]) {
    expect(basicCredentialOf(headers(`Basic ${btoa(text)}`))).toBe('ew_1')
  }
  expect(basicCredentialOf(headers(`basic   ${btoa('x:with:colons')} `))).toBe('with:colons')
  expect(basicCredentialOf(headers('Bearer ew_1'))).toBe('ew_1')
})

test('it is nowhere else, as browsers send it by themselves', () => {
  expect(credentialOf(headers(`Basic ${btoa('main:ew_1')}`))).toMatchObject({ problem: 'auth.invalid' })
})

test.each([btoa('nobody'), btoa('x:'), btoa('x:a b'), btoa(`x:${session}`), '!', '', btoa(`x:${'a'.repeat(9_000)}`)])(
  'Basic %s holds no key',
  (text) => {
    const found = basicCredentialOf(headers(`Basic ${text}`))
    expect(found).toBeInstanceOf(Failure)
    expect(found).toMatchObject({ problem: 'auth.invalid' })
  },
)
