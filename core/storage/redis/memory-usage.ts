import { defineCommand, type RedisDataValue, RedisResult, t } from 'js-redis-server/core'

/** What an element takes beside its bytes: about what the objects around it do. */
const elementBytes = 64

/** `MEMORY USAGE key [SAMPLES n]`, which the embedded server lacks: every element is looked at, as with `SAMPLES 0`. */
export const memoryUsage = defineCommand({
  name: 'memory',
  schema: t.object({ usage: t.keyword('USAGE'), key: t.key(), rest: t.variadic(t.string()) }),
  flags: ['readonly'],
  keys: ({ key }) => [key],
  execute({ key }, { db }) {
    const value = db.get(key)
    if (value === null) return RedisResult.nil()
    return RedisResult.create({ kind: 'integer', value: key.byteLength + elementBytes + bytesOf(value) })
  },
})

function bytesOf(value: RedisDataValue): number {
  if (value.type === 'string') return value.value.byteLength
  if (value.type === 'hash') return sum(value.fields.values(), (one) => one.field.byteLength + one.value.byteLength)
  if (value.type === 'list') return sum(value.values, ({ byteLength }) => byteLength)
  if (value.type === 'set') return sum(value.members.values(), ({ byteLength }) => byteLength)
  if (value.type === 'zset') return sum(value.members.values(), ({ member }) => member.byteLength)
  return sum(value.entries, ({ fields }) => sum(fields, ({ byteLength }) => byteLength))
}

function sum<T>(elements: Iterable<T>, bytes: (element: T) => number): number {
  let total = 0
  for (const element of elements) total += elementBytes + bytes(element)
  return total
}
