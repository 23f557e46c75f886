import { describe, expect, it } from 'vitest'
import { getsCandidate } from '#mesh/inference/arm.ts'

const subjects = Array.from({ length: 20_000 }, (_, n) => `user-${n}`)

describe('who gets the candidate', () => {
  it('is a share of the subjects, whatever they are called', () => {
    for (const percent of [1, 5, 50, 95]) {
      const got = subjects.filter((subject) => getsCandidate('rol_1', subject, percent)).length
      expect(Math.abs(got / subjects.length - percent / 100)).toBeLessThan(0.01)
    }
    expect(subjects.some((subject) => getsCandidate('rol_1', subject, 0))).toBe(false)
    expect(subjects.every((subject) => getsCandidate('rol_1', subject, 100))).toBe(true)
  })

  it('is never taken back as the share grows', () => {
    for (const subject of subjects.slice(0, 2_000)) {
      const arms = [0, 1, 5, 20, 50, 80, 100].map((percent) => Number(getsCandidate('rol_1', subject, percent)))
      expect(arms).toEqual(arms.toSorted((a, b) => a - b))
    }
  })

  it('is somebody else in the next rollout', () => {
    const both = subjects.filter((one) => getsCandidate('rol_1', one, 10) && getsCandidate('rol_2', one, 10)).length
    expect(Math.abs(both / subjects.length - 0.01)).toBeLessThan(0.005)
  })
})
