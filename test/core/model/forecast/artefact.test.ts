import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { readForecast, writeArtefact } from '../../../../core/model/forecast/artefact.ts'
import { forecast } from '../../../../core/model/forecast/forecast.ts'
import { trainForecast } from '../../../../core/model/forecast/train.ts'

const model = trainForecast({
  groups: [4, 40, 200].map((length) => ({
    key: `of ${length}`,
    times: Float64Array.from({ length }, (_, i) => i * 3_600_000),
    values: Float64Array.from({ length }, (_, i) => (i * 7) % 24),
  })),
  horizon: 5,
})

describe('a forecast as a file', () => {
  it('is known by its SHA-256 and forecasts the same when it is read again', () => {
    const { bytes, sha256 } = writeArtefact(model)
    expect(sha256).toBe(createHash('sha256').update(bytes).digest('hex'))
    expect(writeArtefact(structuredClone(model)).sha256).toBe(sha256)
    expect(readForecast(bytes)).toEqual(model)
    for (const { key } of model.series) expect(forecast(readForecast(bytes), key)).toEqual(forecast(model, key))
  })

  it('is not read where it is damaged', () => {
    const { bytes } = writeArtefact(model)
    expect(() => readForecast(bytes.subarray(0, -1))).toThrow()
    for (const [what, instead] of [
      ['"horizon":5', '"horizon":6'],
      ['"damping":1', '"damping":null'],
      ['"kind":"forecast"', '"kind":"anomaly"'],
    ] as const) {
      const text = new TextDecoder().decode(bytes)
      expect(text).toContain(what)
      expect(() => readForecast(new TextEncoder().encode(text.replace(what, instead)))).toThrow()
    }
  })
})
