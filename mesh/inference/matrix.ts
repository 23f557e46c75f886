import type { ModelProto } from '#proto/onnx/onnx_pb.ts'
import { type LabelCodes, labelCodesOf, makersOf } from './graph.ts'
import type { Tensor } from './tensor.ts'

export interface Matrix {
  readonly columns: number
  /** Float32 [rows, columns] of what a graph is fed with. Throws where a tensor is not there, or not what the graph takes. */
  of(feeds: readonly Tensor[]): { readonly rows: number; readonly data: Float32Array }
}

/** One column of a matrix: which input it is, and what becomes of each cell. */
type Column = Numbers | Labels

interface Numbers {
  readonly kind: 'numbers'
  readonly input: string
  /** What is infinite is missing. */
  readonly isFinite: boolean
}

interface Labels extends LabelCodes {
  readonly kind: 'labels'
  readonly input: string
}

/**
 * How a matrix of a graph is made, where that takes no more than numbers as they are and labels looked up. Undefined where
 * it takes more: then the graph has to be run.
 */
export function openMatrix(model: ModelProto, name: string): Matrix | undefined {
  const inputs = new Set(model.graph?.input.map((input) => input.name))
  const makers = makersOf(model)

  function columnsOf(value: string): readonly Column[] | undefined {
    if (inputs.has(value)) return [{ kind: 'numbers', input: value, isFinite: false }]
    const node = makers.get(value)
    switch (node?.opType) {
      case 'Identity':
        return columnsOf(node.input[0]!)
      case 'LabelEncoder':
        return inputs.has(node.input[0]!)
          ? [{ kind: 'labels', input: node.input[0]!, ...labelCodesOf(node) }]
          : undefined
      case 'Concat': {
        const parts = node.input.map(columnsOf)
        return parts.includes(undefined) ? undefined : parts.flatMap((part) => part!)
      }
      case 'Where': {
        const [condition = '', , otherwise = ''] = node.input
        const asked = makers.get(condition)
        if (asked?.opType !== 'IsInf' || asked.input[0] !== otherwise) return undefined
        const columns = columnsOf(otherwise)
        return columns?.every(({ kind }) => kind === 'numbers')
          ? columns.map((column) => ({ ...column, isFinite: true }))
          : undefined
      }
      default:
        return undefined
    }
  }

  const columns = columnsOf(name)
  return columns && matrixOf(columns, [...inputs])
}

function matrixOf(columns: readonly Column[], inputs: readonly string[]): Matrix {
  const width = columns.length
  const guesses = columns.map(({ input }) => inputs.indexOf(input))

  function of(feeds: readonly Tensor[]): ReturnType<Matrix['of']> {
    const rows = feeds[0]?.data.length ?? 0
    const data = new Float32Array(rows * width)
    for (let at = 0; at < width; at++) {
      const column = columns[at]!
      const feed = feedOf(feeds, column.input, guesses[at]!)
      if (feed.data.length !== rows) throw new Error(`The input ${feed.name} has not as many rows as the others.`)
      if (column.kind === 'numbers' && feed.type === 'float') {
        for (let row = 0; row < rows; row++) {
          const value = feed.data[row]!
          data[row * width + at] = column.isFinite && Math.abs(value) === Infinity ? Number.NaN : value
        }
      } else if (column.kind === 'labels' && feed.type === 'string') {
        for (let row = 0; row < rows; row++) {
          data[row * width + at] = column.codes.get(feed.data[row]!) ?? column.other
        }
      } else throw new Error(`The input ${feed.name} is not of the type ${feed.type}.`)
    }
    return { rows, data }
  }

  return { columns: width, of }
}

/** Most of the time tensors come in the order of the graph's inputs. */
function feedOf(feeds: readonly Tensor[], name: string, guess: number): Tensor {
  const guessed = feeds[guess]
  const feed = guessed?.name === name ? guessed : feeds.find((one) => one.name === name)
  if (feed === undefined) throw new Error(`The model lacks the input ${name}.`)
  return feed
}
