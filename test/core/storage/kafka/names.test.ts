import { expect, test } from 'vitest'
import { kafkaTopic, topicOfKafka } from '../../../../core/storage/kafka/names.ts'

test.each([
  ['edgewise', 'main.orders'],
  ['shop-1', 'a_b._requests'],
  ['x', 'a.b_c'],
  ['shop-1', 'main/Orders.v1'],
  ['shop-1', 'a_b/-.-'],
])('a topic is found again by its name: %s, %s', (prefix, topic) => {
  expect(topicOfKafka(prefix, kafkaTopic(prefix, topic))).toBe(topic)
})

test('names that Kafka would hold for the same stay apart', () => {
  const held = (topic: string) => kafkaTopic('x', topic).replaceAll('.', '_')
  const names = ['a.b_c', 'a_b.c', 'a/b_c', 'a/b-c', 'a_b/c', 'a._b', 'a/.b', 'a/-b', 'a.b']
  expect(new Set(names.map(held)).size).toBe(names.length)
  expect(held('a.b_c')).not.toBe(held('a_b.c'))
})

test.each([
  '__consumer_offsets',
  'edgewise',
  'edgewise-main',
  'edgewise-a-b-c',
  'edgewise2-a-b',
  'other-a-b',
  'edgewise-shop-a--b',
])('%s is somebody else’s', (name) => expect(topicOfKafka('edgewise', name)).toBeUndefined())

test.each(['orders', 'a.b.c', 'a-b.c', '../x.y', '', 'a/b/c', 'a/', 'a-b/c', 'a/b c'])(
  'no topic can be called `%s`',
  (topic) => {
    expect(() => kafkaTopic('edgewise', topic)).toThrow()
  },
)
