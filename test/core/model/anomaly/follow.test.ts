import { describe, expect, it } from 'vitest'
import { follow } from '../../../../core/model/anomaly/follow.ts'
import { trainAnomaly } from '../../../../core/model/anomaly/train.ts'
import { createRandom } from '../../../../core/model/random.ts'

const hour = 3_600_000
const random = createRandom(1)
const ordinary = (i: number): number =>
  50 + 10 * Math.sin((2 * Math.PI * i) / 24) + 2 * (random() + random() + random() - 1.5)
const past = Float64Array.from({ length: 960 }, (_, i) => ordinary(i))
const model = trainAnomaly({ groups: [{ key: '', times: past.map((_, i) => i * hour), values: past }] })

function followed() {
  const follower = follow(model.series[0]!)
  const say = (i: number, value: number) => follower.next(i * hour, value)
  return { ...follower, say }
}

describe('a stream', () => {
  it('is judged by the season, and expects what is within its bounds', () => {
    const { say } = followed()
    for (let i = 960; i < 1_200; i++) {
      const { expected, low, high, isAnomaly } = say(i, ordinary(i))
      expect(Math.abs(expected - (50 + 10 * Math.sin((2 * Math.PI * i) / 24)))).toBeLessThan(3)
      expect(low < expected && expected < high).toBe(true)
      expect(isAnomaly).toBe(false)
    }
  })

  it('alarms once for what belongs together, and again after the cool-down', () => {
    const { say } = followed()
    const alarms: number[] = []
    for (let i = 960; i < 1_100; i++) {
      const off = (i >= 980 && i < 985) || i === 1_000 || i === 1_060 ? 40 : 0
      if (say(i, ordinary(i) + off).isAlarm) alarms.push(i)
    }
    expect(alarms).toEqual([980, 1_060])
  })

  it('does not learn an anomaly, but does learn what stays for a whole season', () => {
    const { say } = followed()
    say(960, 1e9)
    expect(say(961, ordinary(961)).isAnomaly).toBe(false)
    for (let i = 962; i < 1_010; i++) say(i, ordinary(i) + 60)
    const { isAnomaly, expected } = say(1_010, ordinary(1_010) + 60)
    expect(isAnomaly).toBe(false)
    expect(expected).toBeGreaterThan(95)
  })

  it('bears gaps, repeats, what comes late and what is no number', () => {
    const { say, state } = followed()
    say(970, ordinary(970))
    const before = state()
    expect(say(970, 500)).toMatchObject({ isAnomaly: true, isAlarm: false })
    expect(say(900, 500)).toMatchObject({ isAnomaly: true, isAlarm: false })
    expect(say(971, NaN)).toMatchObject({ isAnomaly: false, isAlarm: false })
    expect(say(971, Infinity)).toMatchObject({ isAlarm: false })
    expect(state()).toEqual(before)
  })

  it('goes on from where it stood as if it had never stopped', () => {
    const [whole, first] = [followed(), followed()]
    const values = Array.from({ length: 60 }, (_, i) => ordinary(960 + i) + (i === 40 ? 50 : 0))
    const all = values.map((value, i) => whole.say(960 + i, value))
    for (let i = 0; i < 41; i++) first.say(960 + i, values[i]!)
    const second = follow(structuredClone(first.state()))
    for (let i = 41; i < 60; i++) expect(second.next((960 + i) * hour, values[i]!)).toEqual(all[i])
  })
})
