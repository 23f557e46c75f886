import { html, type Markup } from '../page.ts'
import { area, frame, type Point, stretched, stripe } from './charts.ts'
import { marked, type Section, table, tile } from './parts.ts'
import { numberScale, timeScale } from './scale.ts'
import type { AnomalyCard } from './shape.ts'
import { count, figure, moment, percent, seriesName } from './words.ts'

type Drawing = AnomalyCard['drawings'][number]

export function anomalyTiles({ series, count: all, rate, rows }: AnomalyCard): readonly Markup[] {
  const alarms = series.reduce((sum, one) => sum + one.alarms, 0)
  return [
    tile(count(alarms), alarms === 1 ? 'alarm in the past' : 'alarms in the past'),
    tile(count(all), 'series watched'),
    tile(count(rows.used), 'rows to learn from'),
    tile(percent(rate), 'of ordinary points may alarm'),
  ]
}

export function anomalySections(card: AnomalyCard): readonly Section[] {
  const { drawings, target } = card
  return [
    {
      id: 'alarms',
      title: 'What was out of the ordinary',
      body: html`${drawings.map((drawing) => chart(drawing, target))}${alarms(card)}`,
    },
    { id: 'series', title: 'What is ordinary', body: ordinary(card) },
  ]
}

/** What was between the least and the greatest of each stretch, and where it alarmed. */
function chart({ series, past, alarms }: Drawing, target: string): Markup {
  const y = numberScale(
    past.flatMap(([, low, high]) => [low, high]),
    [target, seriesName(series)].filter((text) => text !== '').join(': '),
  )
  const x = timeScale(past[0]?.[0] ?? 0, past.at(-1)?.[0] ?? 1)
  const [lows, highs] = [1, 2].map((column) => past.map((one): Point => [x.place(one[0]), y.place(one[column]!)]))
  const drawing = html`${alarms.map(([from, to]) =>
    stripe('alarm', x.place(from), x.place(to), `${moment(from)} to ${moment(to)}`),
  )}${stretched(area('envelope', lows!, highs!))}`
  return frame({ label: `${count(alarms.length)} alarms in the past`, x: x.axis, y: y.axis }, drawing)
}

function alarms({ alarms, by }: AnomalyCard): Markup {
  if (alarms.length === 0) return html`<p>Nothing was, in the rows that it has learnt from.</p>`
  return table(
    [...(by.length > 0 ? [by.join(', ')] : []), 'from', 'to', 'points', 'at its peak', 'expected', 'score'],
    alarms.map(({ series, begin, end, points, value, expected, score }) => [
      ...(by.length > 0 ? [seriesName(series)] : []),
      moment(begin),
      moment(end),
      count(points),
      figure(value),
      figure(expected),
      figure(score),
    ]),
  )
}

function ordinary({ series, by, left }: AnomalyCard): Markup {
  return html`<p>
      What is expected is a level and, where there are seasons, a value for each place in them; a score is how far off
      it is, in units of what is usual at that place.
    </p>
    ${table(
      [by.join(', ') || 'series', 'seasons, in points', 'alarms'],
      series.map((one) => [
        seriesName(one.series) || 'the only one',
        one.seasons.map(count).join(', ') || 'none',
        count(one.alarms),
      ]),
    )}
    ${left.slice(0, 20).map(({ key, reason }) => html`<p>Not watched is <code>${key}</code>: ${marked(reason)}</p>`)}`
}
