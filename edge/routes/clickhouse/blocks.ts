import { cityHash128 } from './city-hash.ts'

/** What is hashed at once: others want to be answered in between. */
const maxBlockBytes = 64 * 1024
const hashBytes = 16
const headBytes = 9
const lz4 = 0x82

/**
 * ClickHouse's own compression of what it answers (`compress=1`), which its Java drivers ask for unless they are told not to:
 * each block is a CityHash128 of the rest, the method, both sizes, and the bytes as one run of literals of LZ4. It is there to
 * be understood; who wants less to travel asks for gzip.
 */
export function blocks(): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      for (let at = 0; at < chunk.byteLength; at += maxBlockBytes) {
        controller.enqueue(blockOf(chunk.subarray(at, at + maxBlockBytes)))
      }
    },
  })
}

/** https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md */
function blockOf(bytes: Uint8Array): Uint8Array {
  const { length } = bytes
  // The length of a run of 15 and more goes on in bytes of 255, up to one that is less.
  const more = length < 15 ? [] : [...Array<number>(Math.floor((length - 15) / 255)).fill(255), (length - 15) % 255]
  const size = headBytes + 1 + more.length + length
  const block = new Uint8Array(hashBytes + size)
  const view = new DataView(block.buffer)
  view.setUint8(hashBytes, lz4)
  view.setUint32(hashBytes + 1, size, true)
  view.setUint32(hashBytes + 5, length, true)
  block[hashBytes + headBytes] = Math.min(length, 15) << 4
  block.set(more, hashBytes + headBytes + 1)
  block.set(bytes, block.length - length)
  const [first, second] = cityHash128(block.subarray(hashBytes))
  view.setBigUint64(0, first, true)
  view.setBigUint64(8, second, true)
  return block
}
