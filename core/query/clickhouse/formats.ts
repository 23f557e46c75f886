import { Failure } from '#mesh/errors.ts'
import { closest } from '#mesh/closest.ts'
import type { ResultFormat } from '../formats.ts'

const text = 'text/plain; charset=UTF-8'
const tsv = 'text/tab-separated-values; charset=UTF-8'
const csv = 'text/csv; charset=UTF-8; header='
const json = 'application/json; charset=UTF-8'
const lines = 'application/x-ndjson; charset=UTF-8'
const binary = 'application/octet-stream'

/** What ClickHouse can write that needs no schema and no file of its own, with the media types that it says. */
const mediaTypes: Readonly<Record<string, string>> = {
  Arrow: binary,
  ArrowStream: binary,
  BSONEachRow: binary,
  CSV: `${csv}absent`,
  CSVWithNames: `${csv}present`,
  CSVWithNamesAndTypes: `${csv}present`,
  JSON: json,
  JSONColumns: json,
  JSONColumnsWithMetadata: json,
  JSONCompact: json,
  JSONCompactColumns: json,
  JSONCompactEachRow: lines,
  JSONCompactEachRowWithNames: lines,
  JSONCompactEachRowWithNamesAndTypes: lines,
  JSONCompactStrings: json,
  JSONCompactStringsEachRow: lines,
  JSONCompactStringsEachRowWithNames: lines,
  JSONCompactStringsEachRowWithNamesAndTypes: lines,
  JSONEachRow: lines,
  JSONEachRowWithProgress: lines,
  JSONLines: lines,
  JSONObjectEachRow: json,
  JSONStrings: json,
  JSONStringsEachRow: lines,
  Markdown: text,
  MsgPack: binary,
  NDJSON: lines,
  Native: binary,
  Null: text,
  ORC: binary,
  Parquet: binary,
  Pretty: text,
  PrettyCompact: text,
  PrettyCompactMonoBlock: text,
  PrettyNoEscapes: text,
  PrettySpace: text,
  RowBinary: binary,
  RowBinaryWithNames: binary,
  RowBinaryWithNamesAndTypes: binary,
  TSKV: tsv,
  TSV: tsv,
  TSVRaw: tsv,
  TSVRawWithNames: tsv,
  TSVRawWithNamesAndTypes: tsv,
  TSVWithNames: tsv,
  TSVWithNamesAndTypes: tsv,
  TabSeparated: tsv,
  TabSeparatedRaw: tsv,
  TabSeparatedRawWithNames: tsv,
  TabSeparatedRawWithNamesAndTypes: tsv,
  TabSeparatedWithNames: tsv,
  TabSeparatedWithNamesAndTypes: tsv,
  Values: text,
  Vertical: text,
  XML: 'application/xml; charset=UTF-8',
}

const names = new Map(Object.keys(mediaTypes).map((name) => [name.toLowerCase(), name]))

/** A format of ClickHouse's, in any case as the engine takes it. */
export function clickHouseFormat(name: string): ResultFormat {
  const engine = names.get(name.toLowerCase())
  if (engine !== undefined) return { engine, contentType: mediaTypes[engine] ?? text }
  const near = closest(name, names.values())
  throw new Failure('request.not_acceptable', `There is no format \`${name.slice(0, 60)}\` here.`, {
    hint:
      near === undefined
        ? 'Use JSON, JSONEachRow, TabSeparated, CSV, Native, RowBinary, Parquet or Arrow.'
        : `Did you mean ${near}?`,
  })
}
