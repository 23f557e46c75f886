import { type Input, InputType } from '#proto/edgewise/model/v1/signature_pb.ts'
import { missingTime, readNumber, readText, readTime } from './cells.ts'
import type { Tensor } from './tensor.ts'

/** How a cell fits its input. All but `wrong` are answered. */
export type Fit = 'fits' | 'missing' | 'out_of_range' | 'unknown_label' | 'wrong'

/** The cells of one input on their way to its tensor. What nothing is put into is missing. */
export interface Column {
  readonly tensor: Tensor
  put(row: number, cell: unknown): Fit
  isMissing(row: number): boolean
}

/** What is the same for every call is done once: answers with how to begin a column of so many rows. */
export function columnsOf(input: Input): (rows: number) => Column {
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

function numbers({ name, min = -Infinity, max = Infinity }: Input): (rows: number) => Column {
  // Rounded as cells are: the largest number seen is not beyond itself.
  const [least, most] = [Math.fround(min), Math.fround(max)]
  return (rows) => {
    const data = new Float32Array(rows).fill(Number.NaN)
    return {
      tensor: { name, type: 'float', dims: [rows, 1], data },
      put(row, cell) {
        const value = readNumber(cell)
        if (value === undefined) return 'wrong'
        if (Number.isNaN(value)) return 'missing'
        data[row] = value
        const rounded = data[row]
        return rounded < least || rounded > most ? 'out_of_range' : 'fits'
      },
      isMissing: (row) => Number.isNaN(data[row]),
    }
  }
}

function texts({ name, labels, hasOther }: Input): (rows: number) => Column {
  const known = hasOther ? undefined : new Set(labels)
  return (rows) => {
    const data = Array.from({ length: rows }, () => '')
    return {
      tensor: { name, type: 'string', dims: [rows, 1], data },
      put(row, cell) {
        const value = readText(cell)
        if (value === undefined) return 'wrong'
        if (value === '') return 'missing'
        data[row] = value
        return known === undefined || known.has(value) ? 'fits' : 'unknown_label'
      },
      isMissing: (row) => data[row] === '',
    }
  }
}

function times({ name, min = -Infinity, max = Infinity }: Input): (rows: number) => Column {
  return (rows) => {
    const data = new BigInt64Array(rows).fill(missingTime)
    return {
      tensor: { name, type: 'int64', dims: [rows, 1], data },
      put(row, cell) {
        const value = readTime(cell)
        if (value === undefined) return 'wrong'
        if (value === missingTime) return 'missing'
        data[row] = value
        return value < min || value > max ? 'out_of_range' : 'fits'
      },
      isMissing: (row) => data[row] === missingTime,
    }
  }
}
