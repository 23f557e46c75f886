/**
 * Types that a parameter may have: plain values, and arrays and nullables of them. `Identifier` would let a value name
 * a table; `AggregateFunction`, `Object` and their kind would let it carry the inside of the engine.
 */
const plain = new Set(
  ['8', '16', '32', '64', '128', '256']
    .flatMap((bits) => [`Int${bits}`, `UInt${bits}`])
    .concat(['String', 'UUID', 'Bool', 'IPv4', 'IPv6', 'Date', 'Date32', 'DateTime', 'Float32', 'Float64']),
)

/** With arguments: digits, a time zone, or the values of an enumeration. */
const shaped = [
  /^Decimal\((?:[1-9]|[1-6]\d|7[0-6])(?:, ?\d{1,2})?\)$/,
  /^Decimal(?:32|64|128|256)\(\d{1,2}\)$/,
  /^FixedString\(\d{1,4}\)$/,
  /^DateTime64(?:\(\d(?:, ?'[A-Za-z0-9_+/-]{1,40}')?\))?$/,
  /^DateTime\('[A-Za-z0-9_+/-]{1,40}'\)$/,
  /^Enum(?:8|16)?\('[^'\\]{1,64}'(?: ?= ?-?\d{1,5})?(?:, ?'[^'\\]{1,64}'(?: ?= ?-?\d{1,5})?){0,255}\)$/,
]

export interface ParameterType {
  /** As written. */
  readonly text: string
  readonly array: boolean
  readonly nullable: boolean
  /** Without Array, Nullable and LowCardinality: `DateTime64(3)`. */
  readonly value: string
}

/** Undefined where a parameter may not have the type. */
export function parameterType(text: string): ParameterType | undefined {
  if (text.length > 8_192) return undefined
  const inArray = argumentOf(text, 'Array')
  let value = inArray ?? text
  value = argumentOf(value, 'LowCardinality') ?? value
  const inNullable = argumentOf(value, 'Nullable')
  value = inNullable ?? value
  if (!plain.has(value) && !shaped.some((shape) => shape.test(value))) return undefined
  return { text, array: inArray !== undefined, nullable: inNullable !== undefined, value }
}

function argumentOf(text: string, name: string): string | undefined {
  return text.startsWith(`${name}(`) && text.endsWith(')') ? text.slice(name.length + 1, -1) : undefined
}
