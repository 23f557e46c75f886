/** ClickHouse's HTTP protocol, the answering side: heads, exceptions, summaries. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'

/** How long a reader may take to fetch the news of a failure. */
const lingerMs = 5000

export interface EngineException {
  readonly number: number
  readonly text: string
}

export interface Progress {
  /** What was read of tables, where it is known. */
  readonly read?: { readonly rows: string; readonly bytes: string } | undefined
  readonly resultRows: number
  readonly rowsWritten: number
  readonly elapsedSeconds: number
}

const contentTypes: Readonly<Record<string, string>> = {
  JSON: 'application/json; charset=UTF-8',
  JSONEachRow: 'application/x-ndjson; charset=UTF-8',
  CSV: 'text/csv; charset=UTF-8; header=absent',
  CSVWithNames: 'text/csv; charset=UTF-8; header=present',
  Parquet: 'application/octet-stream',
  ArrowStream: 'application/octet-stream',
}

/** The engine's errors read `Code: 62. DB::Exception: … (SYNTAX_ERROR)`. */
export function toException(thrown: unknown): EngineException {
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  return { number: Number(/^Code: (\d+)\./.exec(text)?.[1] ?? 1002), text }
}

export function exception(number: number, kind: string, message: string): EngineException {
  return { number, text: `Code: ${number}. DB::Exception: ${message} (${kind})` }
}

function summaryText(progress: Progress): string {
  return JSON.stringify({
    read_rows: progress.read?.rows,
    read_bytes: progress.read?.bytes,
    result_rows: String(progress.resultRows),
    written_rows: String(progress.rowsWritten),
    elapsed_ns: String(Math.round(progress.elapsedSeconds * 1e9)),
  })
}

/** Answers with a whole body. */
export function sendWhole(
  res: ServerResponse,
  { body, format, queryId, progress }: { body: Buffer; format: string; queryId: string; progress: Progress },
): void {
  res.writeHead(200, {
    ...head(format, queryId),
    'content-length': body.length,
    'x-clickhouse-summary': summaryText(progress),
  })
  res.end(body)
}

/** Answers before anything else was sent. */
export function sendException(res: ServerResponse, status: number, failed: EngineException): void {
  if (res.headersSent || res.destroyed) return void res.destroy()
  const body = Buffer.from(`${failed.text}\n`)
  res.writeHead(status, {
    'content-type': 'text/plain; charset=UTF-8',
    'content-length': body.length,
    'x-clickhouse-exception-code': failed.number,
  })
  res.end(body)
}

/** Answers as if nobody were there: with nothing that could be taken for the engine's word. */
export function sendGone(res: ServerResponse): void {
  if (res.headersSent) return void res.destroy()
  res.writeHead(503)
  res.end('The warehouse is stopping.\n')
}

export interface OpenAnswer {
  /** Resolves when more may be written, the connection is gone, or the signal aborts. */
  write(chunk: Buffer, signal: AbortSignal): Promise<void>
  /** The summary travels in the trailers, because only now is it known. */
  end(progress: Progress): void
  /** Tells of a failure after the head is gone, and breaks the connection so that no reader takes it for the end. */
  fail(failed: EngineException): void
}

export function openAnswer(res: ServerResponse, format: string, queryId: string): OpenAnswer {
  // ClickHouse ≥ 25.11: an exception in the middle of a body stands between two marks with a tag that no data can guess.
  const tag = randomBytes(8).toString('hex')
  res.writeHead(200, { ...head(format, queryId), 'x-clickhouse-exception-tag': tag, trailer: 'X-ClickHouse-Summary' })
  return {
    async write(chunk, signal) {
      if (res.destroyed || signal.aborted || res.write(chunk)) return
      const settled = new AbortController()
      const either = { signal: settled.signal }
      await Promise.race([once(res, 'drain', either), once(res, 'close', either), once(signal, 'abort', either)])
      settled.abort()
    },
    end(progress) {
      res.addTrailers({ 'X-ClickHouse-Summary': summaryText(progress) })
      res.end()
    },
    fail(failed) {
      const text = `${failed.text}\n`
      const block = `\r\n__exception__\r\n${tag}\r\n${text}${Buffer.byteLength(text)} ${tag}\r\n__exception__\r\n`
      const socket = res.socket
      res.write(block, () => socket?.destroySoon())
      setTimeout(() => socket?.destroy(), lingerMs).unref()
    },
  }
}

function head(format: string, queryId: string): Record<string, string> {
  return {
    'content-type': contentTypes[format] ?? 'text/plain; charset=UTF-8',
    'x-clickhouse-query-id': queryId,
    'x-clickhouse-format': format,
    'x-clickhouse-timezone': 'UTC',
  }
}
