import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openWorld, type World } from './world.ts'

/**
 * What the validator accepts, the warehouse must read, and to the same value. Values are raw JSON texts, good and bad
 * mixed; each type says what an accepted one means, as the warehouse prints it.
 */
interface Case {
  readonly type: string
  readonly raw: fc.Arbitrary<string>
  /** Of the column `v`, as text. */
  readonly select: string
  meaning(raw: string): string
}

const digits = (most: number) => fc.bigInt({ min: -(2n ** BigInt(most)), max: 2n ** BigInt(most) }).map(String)
const edges = (bits: number) =>
  fc
    .constantFrom(-1n, 0n, 1n)
    .chain((off) =>
      fc
        .constantFrom(0n, 2n ** BigInt(bits - 1), 2n ** BigInt(bits), -(2n ** BigInt(bits - 1)))
        .map((edge) => String(edge + off)),
    )
const odd = fc.constantFrom(
  '1.0',
  '1e3',
  '1E2',
  '-0',
  '0',
  'null',
  'true',
  '"5"',
  '"007"',
  '""',
  '[]',
  '{}',
  '-0.0',
  '"-0"',
  '2.50',
)
const integers = (bits: number) =>
  fc.oneof(
    digits(bits),
    edges(bits),
    odd,
    digits(bits).map((n) => `"${n}"`),
    fc.integer().map(String),
  )
const plainString = (raw: string) => JSON.parse(raw) as string
const day = fc.date({ min: new Date('1890-01-01'), max: new Date('2310-01-01'), noInvalidDate: true })
const iso = fc
  .tuple(
    day,
    fc.constantFrom('T', ' ', 't'),
    fc.constantFrom('', '.1', '.123', '.123456', '.123456789'),
    fc.constantFrom('Z', '', '+02:00', '-0530', '+14', ' +01:00', 'z'),
  )
  .map(([date, separator, fraction, zone]) =>
    JSON.stringify(date.toISOString().slice(0, 19).replace('T', separator) + fraction + zone),
  )
const oddTimes = fc.constantFrom(
  '"2024-02-30T00:00:00Z"',
  '"2024-02-29T23:59:60Z"',
  '"2024-02-29"',
  '"2024-02-29T12:30Z"',
  '"now"',
  '0',
  '-1',
  '1700000000',
  '1700000000123',
  '1700000000.5',
  '1.7e9',
  '99999999999',
  '"2024\\u002d01-01T00:00:00Z"',
  '"2024-01-01T00:00:00,5Z"',
  '20240101',
)
const epoch = fc.oneof(
  fc.integer({ min: 0, max: 4_294_967_295 }).map(String),
  fc.integer({ min: 100_000_000_000, max: 4_000_000_000_000 }).map(String),
)
const times = fc.oneof(iso, oddTimes, epoch)

/** The moment in units of a scale since 1970, by a reading of its own. */
function ticks(raw: string, scale: number): string {
  const value = JSON.parse(raw) as string | number
  const unit = 10n ** BigInt(scale)
  const cut = (fraction: string) => BigInt(fraction.padEnd(scale, '0').slice(0, scale) || '0')
  if (typeof value === 'number') {
    const [whole = '0', fraction = ''] = raw.split('.')
    const n = BigInt(whole)
    return String(n < 100_000_000_000n ? n * unit + cut(fraction) : (n * unit) / 1000n)
  }
  const zone = /(?:[+-]\d\d:?\d*|Z)$/i.exec(value.slice(11))?.[0] ?? ''
  const bare = value
    .slice(0, 11 + value.slice(11).length - zone.length)
    .trim()
    .replace(',', '.')
  const [date = '', clock = '00:00:00'] = bare.split(/[Tt ]/)
  const [hms = '', fraction = ''] = clock.split('.')
  const offset = /^([+-])(\d\d):?(\d*)$/.exec(zone)
  const minutes = offset === null ? 0 : (Number(offset[2]) * 60 + Number(offset[3] || 0)) * (offset[1] === '-' ? -1 : 1)
  const full = hms.length === 5 ? `${hms}:00` : hms
  return String(BigInt(Date.parse(`${date}T${full}Z`) / 1000 - minutes * 60) * unit + cut(fraction))
}

const floats = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => JSON.stringify(n)),
  fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((n) => JSON.stringify(n)),
  fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 25n }), fc.integer({ min: -330, max: 330 })).map(([n, e]) => `${n}e${e}`),
  fc.tuple(fc.nat(), fc.bigInt({ min: 0n, max: 10n ** 22n })).map(([a, b]) => `${a}.${b}`),
  odd,
  fc.constantFrom('1e400', '-1e400', '1e-400', '4.9e-324', '2.2250738585072011e-308', '1.7976931348623159e308'),
)
const strings = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }).map((text) => JSON.stringify(text)),
  fc.constantFrom(
    '"\\u0000"',
    '"a\\u0000b"',
    '"\\ud800"',
    '"\\udc00x"',
    '"\\ud83d\\ude00"',
    '"\\/\\b\\f\\n\\r\\t"',
    '"__proto__"',
    '{"a":1}',
    '[1,{"b":[]}]',
    '5',
    'null',
    '"\\\\"',
    '"\\\\\\""',
  ),
)

const cases: readonly Case[] = [
  ...[8, 16, 32, 64, 128, 256].flatMap((bits) =>
    ['', 'U'].map((sign) => ({
      type: `${sign}Int${bits}`,
      raw: integers(bits),
      select: 'toString(v)',
      meaning: (raw: string) => BigInt(JSON.parse(`"${raw.replaceAll('"', '')}"`) as string).toString(),
    })),
  ),
  {
    type: 'Float64',
    raw: floats,
    select: 'toString(reinterpretAsUInt64(v))',
    meaning: (raw) => new BigUint64Array(new Float64Array([JSON.parse(raw) as number]).buffer)[0]?.toString() ?? '',
  },
  {
    type: 'Float32',
    raw: floats,
    select: 'toString(reinterpretAsUInt32(v))',
    meaning: (raw) => new Uint32Array(new Float32Array([JSON.parse(raw) as number]).buffer)[0]?.toString() ?? '',
  },
  { type: 'String', raw: strings, select: 'v', meaning: (raw) => (raw.startsWith('"') ? plainString(raw) : raw) },
  {
    type: 'Nullable(String)',
    raw: strings,
    select: "ifNull(v, '<null>')",
    meaning: (raw) => (raw === 'null' ? '<null>' : raw.startsWith('"') ? plainString(raw) : raw),
  },
  {
    type: 'LowCardinality(String)',
    raw: strings,
    select: 'v',
    meaning: (raw) => (raw.startsWith('"') ? plainString(raw) : raw),
  },
  { type: 'Bool', raw: odd, select: 'toString(v)', meaning: (raw) => raw },
  {
    type: 'Decimal(20, 4)',
    raw: fc.oneof(
      fc.tuple(digits(60), fc.nat(99_999)).map(([a, b]) => `${a}.${b}`),
      digits(50),
      odd,
      fc.tuple(digits(40), fc.nat(9999)).map(([a, b]) => `"${a}.${b}"`),
    ),
    select: 'toString(v * 10000)',
    meaning: (raw) => {
      const [, sign = '', whole = '0', fraction = ''] = /^(-?)(\d+)(?:\.(\d*))?$/.exec(raw.replaceAll('"', '')) ?? []
      return (BigInt(whole + fraction.padEnd(4, '0').slice(0, 4)) * (sign === '-' ? -1n : 1n)).toString()
    },
  },
  {
    type: 'UUID',
    raw: fc.oneof(
      fc.uuid().map((id) => `"${id}"`),
      fc.uuid().map((id) => `"${id.toUpperCase()}"`),
      odd,
    ),
    select: 'toString(v)',
    meaning: (raw) => plainString(raw).toLowerCase(),
  },
  {
    type: 'IPv4',
    raw: fc.oneof(
      fc.ipV4().map((ip) => `"${ip}"`),
      fc.constantFrom('"01.2.3.4"', '"1.2.3"', '"256.1.1.1"'),
    ),
    select: 'toString(v)',
    meaning: plainString,
  },
  {
    type: 'IPv6',
    raw: fc.oneof(
      fc.ipV6().map((ip) => `"${ip}"`),
      fc.constantFrom('"::"', '"fe80::1%eth0"', '"1.2.3.4"', '"::ffff:1.2.3.4"'),
    ),
    select: 'toString(v = toIPv6(t))',
    meaning: () => '1',
  },
  {
    type: 'Date',
    raw: fc.oneof(
      day.map((d) => `"${d.toISOString().slice(0, 10)}"`),
      odd,
      fc.constantFrom('"2149-06-06"', '"2149-06-07"', '"1970-01-01"', '"1969-12-31"', '"2023-02-29"'),
    ),
    select: 'toString(v)',
    meaning: plainString,
  },
  {
    type: 'Date32',
    raw: fc.oneof(
      day.map((d) => `"${d.toISOString().slice(0, 10)}"`),
      odd,
      fc.constantFrom('"1900-01-01"', '"1899-12-31"', '"2299-12-31"', '"2300-01-01"'),
    ),
    select: 'toString(v)',
    meaning: plainString,
  },
  { type: 'DateTime', raw: times, select: 'toString(toUnixTimestamp(v))', meaning: (raw) => ticks(raw, 0) },
  {
    type: "DateTime('America/New_York')",
    raw: times,
    select: 'toString(toUnixTimestamp(v))',
    meaning: (raw) => ticks(raw, 0),
  },
  { type: 'DateTime64(3)', raw: times, select: 'toString(toUnixTimestamp64Milli(v))', meaning: (raw) => ticks(raw, 3) },
  {
    type: "DateTime64(6, 'Asia/Kolkata')",
    raw: times,
    select: 'toString(toUnixTimestamp64Micro(v))',
    meaning: (raw) => ticks(raw, 6),
  },
  { type: 'DateTime64(9)', raw: times, select: 'toString(toUnixTimestamp64Nano(v))', meaning: (raw) => ticks(raw, 9) },
  {
    type: 'FixedString(5)',
    raw: strings,
    select: 'hex(v)',
    meaning: (raw) => Buffer.from(plainString(raw)).toString('hex').toUpperCase().padEnd(10, '0'),
  },
  {
    type: "Enum8('a' = 1, 'it\\'s' = 2)",
    raw: fc.constantFrom('"a"', '"it\'s"', '"b"', '1', 'null'),
    select: 'toString(v)',
    meaning: plainString,
  },
  {
    type: 'Array(Int64)',
    raw: fc.oneof(
      fc.array(integers(64), { maxLength: 5 }).map((list) => `[ ${list.join(' , ')}]`),
      odd,
    ),
    select: 'toString(v)',
    meaning: (raw) =>
      raw === 'null'
        ? '[]'
        : `[${raw
            .slice(1, -1)
            .split(',')
            .map((n) => n.replaceAll(/[" ]/g, ''))
            .filter(Boolean)
            .map((n) => BigInt(n))
            .join(',')}]`,
  },
  {
    type: 'Array(Nullable(String))',
    raw: fc
      .array(
        strings.filter((text) => !/^[[{]/.test(text)),
        { maxLength: 4 },
      )
      .map((list) => `[${list.join(',')}]`),
    select: 'toJSONString(v)',
    meaning: (raw) => raw,
  },
  {
    type: 'Array(Array(Float64))',
    raw: fc
      .array(
        fc
          .array(
            fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => JSON.stringify(n)),
            { maxLength: 3 },
          )
          .map((list) => `[${list.join(',')}]`),
        { maxLength: 3 },
      )
      .map((list) => `[${list.join(',')}]`),
    select: 'toJSONString(v)',
    meaning: (raw) => raw,
  },
  {
    type: 'Map(String, Int32)',
    raw: fc.oneof(
      fc.dictionary(fc.string({ maxLength: 8 }), fc.integer()).map((map) => JSON.stringify(map)),
      fc.constant('{"a":1,"a":2}'),
      odd,
    ),
    select: 'toJSONString(v)',
    meaning: (raw) => (raw === 'null' ? '{}' : raw),
  },
  {
    type: 'JSON',
    raw: fc.oneof(
      fc.object({ maxDepth: 3, maxKeys: 5 }).map((value) => JSON.stringify(value)),
      fc.constantFrom(
        '{"a":1,"a":2}',
        '{"a":{"b":1},"a.b":2}',
        '{"a":"\\ud800"}',
        '{}',
        '{"":1}',
        '{"a":[1,"x",{"b":null}]}',
        '{"a":123456789012345678901234567890}',
      ),
      odd,
    ),
    select: "'read'",
    meaning: () => 'read',
  },
]

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

/** Compared by value where the warehouse prints JSON in a way of its own. */
function comparable(text: string, select: string): unknown {
  return select.startsWith('toJSONString') ? JSON.parse(text) : text
}

describe('what the validator accepts, the warehouse reads to the same value', () => {
  for (const [index, { type, raw, select, meaning }] of cases.entries()) {
    test(type, async () => {
      const stream = `s${index}`
      await world.put({
        name: stream,
        schema: {
          columns: [
            { name: 'n', type: 'Int64' },
            { name: 't', type: 'String' },
            { name: 'v', type },
          ],
          onUnknown: 3,
        },
      })
      let n = 0
      let accepted = 0
      await fc.assert(
        fc.asyncProperty(fc.array(raw, { minLength: 100, maxLength: 300 }), async (raws) => {
          const from = n
          const lines = raws.map(
            (value) =>
              `{"n":${n++},"t":${value.startsWith('"') && !value.includes('\\u') ? value : '""'},"v":${value}}`,
          )
          const written = await world.write(stream, lines.join('\n'))
          expect(written.accepted + written.quarantined).toBe(raws.length)
          accepted += written.accepted
          const rows = await world.rows<{ n: string; text: string }>(
            `SELECT n, ${select} AS text FROM ${stream} WHERE n >= ${from} ORDER BY n`,
          )
          expect(rows.length).toBe(written.accepted)
          for (const row of rows) {
            const source = raws[Number(row.n) - from] ?? ''
            const wanted = meaning(source)
            // Reading a decimal into 32 bits by way of 64 rounds twice, which may be a last bit off; the warehouse rounds once.
            if (type === 'Float32' && Math.abs(Number(row.text) - Number(wanted)) === 1) continue
            expect([source, comparable(row.text, select)]).toEqual([source, comparable(wanted, select)])
          }
        }),
        { numRuns: 4, endOnFailure: true },
      )
      expect(accepted).toBeGreaterThan(0)
    })
  }
})
