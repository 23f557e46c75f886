import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { CliError, exits } from '../exit.ts'
import type { LoadFormat } from './batches.ts'

export interface SourceFile {
  readonly path: string
  readonly format: LoadFormat
  readonly bytes: number
  /** Of the content, however it is named. */
  readonly digest: string
  /** The uncompressed content; tells how much of the file was read. */
  read(progress: (bytes: number) => void): AsyncIterable<Uint8Array>
}

const extensions: Readonly<Record<string, LoadFormat>> = { ndjson: 'ndjson', jsonl: 'ndjson', json: 'json', csv: 'csv' }

export async function openFile(path: string, asked: LoadFormat | undefined): Promise<SourceFile> {
  const found = await stat(path).catch((error: Error) => {
    throw new CliError(`${path} cannot be read: ${error.message}`, { exitCode: exits.usage })
  })
  if (!found.isFile()) throw new CliError(`${path} is not a file.`, { exitCode: exits.usage })
  const format = asked ?? extensions[path.replace(/\.gz$/i, '').split('.').pop()?.toLowerCase() ?? '']
  if (format === undefined) {
    throw new CliError(`What ${path} holds cannot be told by its name.`, {
      exitCode: exits.usage,
      hint: 'Say --format ndjson, json or csv.',
    })
  }
  const gzip = await isGzip(path)
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return {
    path,
    format,
    bytes: found.size,
    digest: hash.digest('hex').slice(0, 32),
    async *read(progress) {
      const file = createReadStream(path, { highWaterMark: 256 << 10 })
      file.on('data', (chunk) => progress(chunk.length))
      try {
        yield* gzip ? file.pipe(createGunzip()) : file
      } finally {
        file.destroy()
      }
    },
  }
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path)
  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return buffer[0] === 0x1f && buffer[1] === 0x8b
  } finally {
    await file.close()
  }
}
