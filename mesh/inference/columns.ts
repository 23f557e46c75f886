import { type Input, InputType } from '#proto/edgewise/model/v1/signature_pb.ts'
import { missingTime, readNumber, readText, readTime } from './cells.ts'
import type { FloatTensor, Int64Tensor, StringTensor, Tensor } from './tensor.ts'

/** How a cell fits its input. All but `wrong` are answered. */
export type Fit = 'fits' | 'missing' | 'out_of_range' | 'unknown_label' | 'wrong'

/** How the cells of one input become its tensor. */
export interface Column<T extends Tensor = Tensor> {
  /** Of so many rows, of which everything is missing until it is put. */
  begin(rows: number): T
  put(tensor: T, row: number, cell: unknown): Fit
  isMissing(tensor: T, row: number): boolean
}

export function columnOf(input: Input): Column {
  switch (input.type) {
    case InputType.NUMBER:
      return numbers(input)
    case InputType.CATEGORY:
      return texts(input)
    case InputType.TIME:
      return times(input)
    default:
      throw new Error(`The signature does not say what ${input.name} is.`)
  }
}

function numbers({ name, min = -Infinity, max = Infinity }: Input): Column<FloatTensor> {
  // Rounded as cells are: the largest number seen is not beyond itself.
  const [least, most] = [Math.fround(min), Math.fround(max)]
  return {
    begin: (rows) => ({ name, type: 'float', dims: [rows, 1], data: new Float32Array(rows).fill(Number.NaN) }),
    put({ data }, row, cell) {
      const value = readNumber(cell)
      if (value === undefined) return 'wrong'
      if (Number.isNaN(value)) return 'missing'
      data[row] = value
      const rounded = data[row]
      return rounded < least || rounded > most ? 'out_of_range' : 'fits'
    },
    isMissing: ({ data }, row) => Number.isNaN(data[row]),
  }
}

function texts({ name, labels, hasOther }: Input): Column<StringTensor & { readonly data: string[] }> {
  const known = hasOther ? undefined : new Set(labels)
  return {
    begin: (rows) => ({ name, type: 'string', dims: [rows, 1], data: Array.from({ length: rows }, () => '') }),
    put({ data }, row, cell) {
      const value = readText(cell)
      if (value === undefined) return 'wrong'
      if (value === '') return 'missing'
      data[row] = value
      return known === undefined || known.has(value) ? 'fits' : 'unknown_label'
    },
    isMissing: ({ data }, row) => data[row] === '',
  }
}

function times({ name, min = -Infinity, max = Infinity }: Input): Column<Int64Tensor> {
  return {
    begin: (rows) => ({ name, type: 'int64', dims: [rows, 1], data: new BigInt64Array(rows).fill(missingTime) }),
    put({ data }, row, cell) {
      const value = readTime(cell)
      if (value === undefined) return 'wrong'
      if (value === missingTime) return 'missing'
      data[row] = value
      return value < min || value > max ? 'out_of_range' : 'fits'
    },
    isMissing: ({ data }, row) => data[row] === missingTime,
  }
}
