import { allocate, type Memory, memoryOf } from './memory.ts'
import { logSeverity, type Ort, ortError } from './ort.ts'
import { createSlot } from './slots.ts'
import { elementTypes, type Tensor } from './tensor.ts'

/** An ONNX file, ready to be run. */
export interface Session {
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Every input once, in any order. Synchronous, so calls cannot meet. Throws where the file and the tensors disagree. */
  run(feeds: readonly Tensor[]): Tensor[]
  release(): void
}

const allOptimizations = 99

/** Every session of one instance shares its memory, which never shrinks: what a session held is used by the next. */
export function createSession(ort: Ort, model: Uint8Array): Session {
  const memory = memoryOf(ort)
  const handle = load(ort, memory, model)
  const { inputs, outputs } = namesOf(ort, memory, handle)
  const slots = inputs.map(() => createSlot(ort, memory))
  const positions = new Map(inputs.map(({ text }, at) => [text, at]))
  const runOptions = ort._OrtCreateRunOptions(logSeverity, 0, false, 0)
  // Four lists of addresses: names and tensors that go in, names and tensors that come out.
  const lists = allocate(ort, 8 * (inputs.length + outputs.length))
  const [inputNames, feeding] = [lists, lists + 4 * inputs.length]
  const [outputNames, found] = [feeding + 4 * inputs.length, feeding + 4 * (inputs.length + outputs.length)]
  writeAll(memory, inputNames, inputs)
  writeAll(memory, outputNames, outputs)
  let released = false

  return {
    inputs: inputs.map(({ text }) => text),
    outputs: outputs.map(({ text }) => text),
    run(feeds) {
      if (released) throw new Error('The session was released.')
      if (feeds.length !== inputs.length) throw new Error(`The model takes ${inputs.length} inputs.`)
      for (const feed of feeds) {
        const at = positions.get(feed.name)
        if (at === undefined) throw new Error(`The model has no input ${feed.name}.`)
        const tensor = slots[at]!.fill(feed)
        memory().words[(feeding >>> 2) + at] = tensor
      }
      memory().words.fill(0, found >>> 2, (found >>> 2) + outputs.length)
      const failed = ort._OrtRun(
        handle,
        inputNames,
        feeding,
        inputs.length,
        outputNames,
        outputs.length,
        found,
        runOptions,
      )
      if (failed !== 0) throw ortError(ort, 'The model cannot be run')
      return outputs.map(({ text }, at) => take(ort, memory, text, memory().words[(found >>> 2) + at]!))
    },
    release() {
      if (released) return
      released = true
      for (const slot of slots) slot.release()
      for (const { address } of [...inputs, ...outputs]) ort._OrtFree(address)
      ort._free(lists)
      ort._OrtReleaseRunOptions(runOptions)
      ort._OrtReleaseSession(handle)
    },
  }
}

function load(ort: Ort, memory: () => Memory, model: Uint8Array): number {
  // Without an arena what a call needed is free again after it.
  const options = ort._OrtCreateSessionOptions(allOptimizations, false, false, 0, false, 0, 0, logSeverity, 0, 0)
  const file = allocate(ort, model.byteLength)
  try {
    memory().bytes.set(model, file)
    const handle = ort._OrtCreateSession(file, model.byteLength, options)
    if (handle === 0) throw ortError(ort, 'The model cannot be loaded')
    return handle
  } finally {
    ort._free(file)
    ort._OrtReleaseSessionOptions(options)
  }
}

interface Name {
  readonly text: string
  readonly address: number
}

function namesOf(ort: Ort, memory: () => Memory, handle: number): { inputs: Name[]; outputs: Name[] } {
  const stack = ort.stackSave()
  try {
    const at = ort.stackAlloc(8)
    const pair = (): [number, number] => [memory().words[at >>> 2]!, memory().words[(at >>> 2) + 1]!]
    if (ort._OrtGetInputOutputCount(handle, at, at + 4) !== 0) throw ortError(ort, 'The model has no inputs')
    const [inputCount, outputCount] = pair()
    const names = Array.from({ length: inputCount + outputCount }, (_, index): Name => {
      if (ort._OrtGetInputOutputMetadata(handle, index, at, at + 4) !== 0) {
        throw ortError(ort, 'The model’s inputs cannot be read')
      }
      const [address, metadata] = pair()
      if (metadata !== 0) ort._OrtFree(metadata)
      return { text: ort.UTF8ToString(address), address }
    })
    return { inputs: names.slice(0, inputCount), outputs: names.slice(inputCount) }
  } finally {
    ort.stackRestore(stack)
  }
}

function writeAll(memory: () => Memory, at: number, names: readonly Name[]): void {
  memory().words.set(
    names.map(({ address }) => address),
    at >>> 2,
  )
}

/** An output's content, out of the memory; the tensor is released. */
function take(ort: Ort, memory: () => Memory, name: string, tensor: number): Tensor {
  const stack = ort.stackSave()
  try {
    const at = ort.stackAlloc(16)
    if (ort._OrtGetTensorData(tensor, at, at + 4, at + 8, at + 12) !== 0) {
      throw ortError(ort, `The output ${name} cannot be read`)
    }
    const { words, floats, longs } = memory()
    const [type = 0, content = 0, shape = 0, rank = 0] = words.subarray(at >>> 2, (at >>> 2) + 4)
    const dims = [...words.subarray(shape >>> 2, (shape >>> 2) + rank)]
    ort._OrtFree(shape)
    const length = dims.reduce((product, dim) => product * dim, 1)
    if (type === elementTypes.float) {
      return { name, type: 'float', dims, data: floats.slice(content >>> 2, (content >>> 2) + length) }
    }
    if (type === elementTypes.int64) {
      return { name, type: 'int64', dims, data: longs.slice(content >>> 3, (content >>> 3) + length) }
    }
    throw new Error(`The output ${name} has the type ${type} of ONNX, which no model of ours gives.`)
  } finally {
    ort.stackRestore(stack)
    ort._OrtReleaseTensor(tensor)
  }
}
