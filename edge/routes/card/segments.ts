import { html, type Markup } from '../page.ts'
import { bar } from './charts.ts'
import { type Section, table, tile } from './parts.ts'
import type { SegmentsCard } from './shape.ts'
import { count, figure, percent } from './words.ts'

export function segmentsTiles({ segments, silhouette, rows }: SegmentsCard): readonly Markup[] {
  return [
    tile(count(segments.length), 'segments'),
    tile(figure(silhouette), 'silhouette', 'not apart: 0'),
    tile(count(rows.used), 'rows to learn from'),
  ]
}

export function segmentsSections({ segments, tried }: SegmentsCard): readonly Section[] {
  const all = segments.reduce((sum, { rows }) => sum + rows, 0)
  return [
    {
      id: 'segments',
      title: 'The segments',
      body: html`<p>Each is called by what sets it apart from all rows.</p>
        ${table(
          ['segment', '', 'rows'],
          segments.map(({ name, rows }) => [name, bar(rows / all, percent(rows / all)), count(rows)]),
        )}`,
    },
    {
      id: 'tried',
      title: 'What was tried',
      body: table(
        ['segments', 'silhouette'],
        tried.map(({ k, silhouette }) => [count(k), figure(silhouette)]),
      ),
    },
  ]
}
