import { array, assert, constantFrom, integer, property, tuple, uint8Array } from 'fast-check'
import { expect, test } from 'vitest'
import { decodeTrailers, encodeFrame, encodeTrailers, frameParser } from '#mesh/rpc/frames.ts'

test('frames come out as they went in, however the bytes are cut', () => {
  assert(
    property(
      array(tuple(constantFrom(0, 0x80), uint8Array({ maxLength: 40 })), { maxLength: 6 }),
      array(integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 40 }),
      (messages, cuts) => {
        const all = Uint8Array.from(messages.flatMap(([flags, bytes]) => [...encodeFrame(flags, bytes)]))
        const parser = frameParser(64)
        const frames = []
        let at = 0
        for (let i = 0; at < all.length; i++) {
          const size = i < 200 ? (cuts[i % cuts.length] ?? 1) : all.length
          frames.push(...parser.push(all.slice(at, at + size)))
          at += size
        }
        expect(frames.map(({ flags, bytes }) => [flags, [...bytes]])).toEqual(
          messages.map(([flags, bytes]) => [flags, [...bytes]]),
        )
        expect(parser.isPartial()).toBe(false)
      },
    ),
  )
})

test('a frame over the bound is refused by its header, before any of it is buffered', () => {
  expect(() => frameParser(10).push(Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff))).toThrow(RangeError)
})

test('half a frame is known to be half', () => {
  const parser = frameParser(10)
  parser.push(Uint8Array.of(0, 0, 0, 0, 3, 1))
  expect(parser.isPartial()).toBe(true)
})

test('trailers come back by lower-case name', () => {
  const [name, value] = ['grpc-message', 'a: b']
  const frame = frameParser(1_000).push(encodeTrailers([[name, value]]))[0]
  expect(decodeTrailers(frame?.bytes ?? new Uint8Array())).toEqual(new Map([[name, value]]))
})
