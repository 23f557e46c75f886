import { expect, test } from 'vitest'
import { digest } from '../../../edge/auth/digest.ts'

function hex(text: string): string {
  return Array.from({ length: text.length }, (_, at) => text.charCodeAt(at).toString(16).padStart(4, '0')).join('')
}

test.each([
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
])('gives the digest that FIPS 180-4 gives for "%s"', (text, expected) => {
  expect(hex(digest(text))).toBe(expected)
})

test.each([54, 55, 56, 63, 64, 119, 120, 1_000])('agrees with the platform at %i characters', async (length) => {
  const text = Array.from({ length }, (_, at) => String.fromCharCode(33 + (at % 90))).join('')
  const platform = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
  expect(hex(digest(text))).toBe([...platform].map((byte) => byte.toString(16).padStart(2, '0')).join(''))
})
