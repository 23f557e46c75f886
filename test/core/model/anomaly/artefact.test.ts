import { expect, it } from 'vitest'
import { readAnomaly } from '../../../../core/model/anomaly/artefact.ts'
import { trainAnomaly } from '../../../../core/model/anomaly/train.ts'
import { writeArtefact } from '../../../../core/model/forecast/artefact.ts'

const values = Float64Array.from({ length: 300 }, (_, i) => ((i * 7) % 24) + (i === 100 ? 90 : 0))
const model = trainAnomaly({ groups: [{ key: '', times: values.map((_, i) => i * 3_600_000), values }] })

it('a model of anomalies is the same when it is read again', () => {
  expect(readAnomaly(writeArtefact(model).bytes)).toEqual(model)
})

it('a damaged one is not read', () => {
  const { bytes } = writeArtefact({ ...model, rate: null })
  expect(() => readAnomaly(bytes)).toThrow('rate')
  expect(() => readAnomaly(writeArtefact(model).bytes.subarray(1))).toThrow()
})
