import { allocate, type Memory } from './memory.ts'
import { type Ort, ortError } from './ort.ts'
import { elementTypes, type StringTensor, type Tensor } from './tensor.ts'

/** Where ONNX Runtime finds one input of a session. */
export interface Slot {
  /** The tensor's address, with this content in it. Good until the next call. */
  fill(feed: Tensor): number
  release(): void
}

/** Labels of one column that are kept as tensors: most columns have few, and most calls have one row. */
const maxKept = 64
const maxKeptLength = 100

/** Numbers of the shape of the call before are written over it; a shape's first call, and texts, make a tensor. */
export function createSlot(ort: Ort, memory: () => Memory): Slot {
  let tensor = 0
  let content = 0
  let before: Pick<Tensor, 'type' | 'dims'> | undefined
  const kept = new Map<string, number>()

  function forget(): void {
    if (tensor !== 0) ort._OrtReleaseTensor(tensor)
    if (content !== 0) ort._free(content)
    tensor = 0
    content = 0
    before = undefined
  }

  function make({ type, dims }: Tensor, address: number, bytes: number): number {
    const stack = ort.stackSave()
    try {
      const at = ort.stackAlloc(4 * dims.length)
      memory().words.set(dims, at >>> 2)
      const made = ort._OrtCreateTensor(elementTypes[type], address, bytes, at, dims.length, onCpu)
      if (made === 0) throw ortError(ort, 'A tensor cannot be made')
      return made
    } finally {
      ort.stackRestore(stack)
    }
  }

  function makeTexts(feed: StringTensor): number {
    const texts = writeTexts(ort, memory, feed)
    try {
      // ONNX Runtime copies them.
      return make(feed, texts, 4 * feed.data.length)
    } finally {
      ort._free(texts)
    }
  }

  function releaseKept(): void {
    for (const label of kept.values()) ort._OrtReleaseTensor(label)
    kept.clear()
  }

  function label(feed: StringTensor, text: string): number {
    const found = kept.get(text)
    if (found !== undefined) return found
    if (kept.size >= maxKept) releaseKept()
    const made = makeTexts(feed)
    kept.set(text, made)
    return made
  }

  return {
    release() {
      forget()
      releaseKept()
    },
    fill(feed) {
      if (feed.type === 'string') {
        const [text = ''] = feed.data
        if (feed.data.length === 1 && feed.dims.length === 2 && text.length <= maxKeptLength) return label(feed, text)
        forget()
        tensor = makeTexts(feed)
        return tensor
      }
      if (before === undefined || !isLike(feed, before)) {
        forget()
        content = allocate(ort, feed.data.byteLength)
        tensor = make(feed, content, feed.data.byteLength)
        before = { type: feed.type, dims: feed.dims }
      }
      if (feed.type === 'float') memory().floats.set(feed.data, content >>> 2)
      else memory().longs.set(feed.data, content >>> 3)
      return tensor
    },
  }
}

const onCpu = 1

function isLike(one: Pick<Tensor, 'type' | 'dims'>, other: Pick<Tensor, 'type' | 'dims'>): boolean {
  if (one.type !== other.type || one.dims.length !== other.dims.length) return false
  return one.dims.every((dim, at) => dim === other.dims[at])
}

/** Addresses of zero-terminated UTF-8, and behind them the texts: one block, to be freed by whoever asked. */
function writeTexts(ort: Ort, memory: () => Memory, { data }: StringTensor): number {
  // Each text once: of a column there are few.
  const places = new Map<string, number>()
  let bytes = 4 * data.length
  for (const text of data) {
    if (places.has(text)) continue
    places.set(text, bytes)
    bytes += ort.lengthBytesUTF8(text) + 1
  }
  const block = allocate(ort, bytes)
  for (const [text, place] of places) ort.stringToUTF8(text, block + place, bytes - place)
  const { words } = memory()
  for (let i = 0; i < data.length; i++) words[(block >>> 2) + i] = block + places.get(data[i]!)!
  return block
}
