import { html, type Markup } from '../page.ts'
import { area, frame, line, type Point, stretched } from './charts.ts'
import { marked, type Section, table, tile } from './parts.ts'
import { numberScale, timeScale } from './scale.ts'
import type { ForecastCard } from './shape.ts'
import { count, figure, moment, percent, seriesName } from './words.ts'

type Drawing = ForecastCard['drawings'][number]
type Series = ForecastCard['series'][number]

export function forecastTiles({ series, count: all, horizon, rows }: ForecastCard): readonly Markup[] {
  const measured = series.filter(({ mase }) => typeof mase === 'number')
  const mean = (of: (one: Series) => number): number =>
    measured.reduce((sum, one) => sum + of(one), 0) / Math.max(1, measured.length)
  const ratio = mean(({ mase }) => mase ?? 0) / mean((one) => one.baseline_mase ?? 0)
  return [
    ...(measured.length === 0 ? [] : [tile(`${figure(ratio)} ×`, 'the error of the naive forecast')]),
    tile(count(horizon), 'steps ahead'),
    tile(count(all), all === 1 ? 'series' : 'series, each by itself'),
    tile(count(rows.used), 'rows to learn from'),
  ]
}

export function forecastSections(card: ForecastCard): readonly Section[] {
  const { drawings, target } = card
  return [
    ...(drawings.length === 0
      ? []
      : [
          {
            id: 'ahead',
            title: 'What it says',
            body: html`<p class="key">
                ${mark('past', 'what was')} ${mark('ahead', 'what it expects')}
                ${mark('of80', 'within, 80 of 100 times')} ${mark('of95', 'within, 95 of 100 times')}
              </p>
              ${drawings.map((drawing) => chart(drawing, target))}`,
          },
        ]),
    { id: 'good', title: 'How good it is', body: backtest(card) },
    { id: 'tried', title: 'What was tried', body: tried(card) },
  ]
}

function mark(kind: string, text: string): Markup {
  const shape = kind.startsWith('of') ? 'M0 0H20V10H0Z' : 'M0 5H20'
  return html`<span
    ><svg viewBox="0 0 20 10"><path class="${kind}" d="${shape}" /></svg>${text}</span
  >`
}

function chart({ series, past, ahead }: Drawing, target: string): Markup {
  const values = [
    ...past.flatMap(([, value]) => (value === null ? [] : [value])),
    ...ahead.flatMap((step) => step.slice(1)),
  ]
  const y = numberScale(values, [target, seriesName(series)].filter((text) => text !== '').join(': '))
  const x = timeScale(past[0]?.[0] ?? ahead[0]?.[0] ?? 0, ahead.at(-1)?.[0] ?? 1)
  const of = (column: number): Point[] => ahead.map((step) => [x.place(step[0]!), y.place(step[column]!)])
  const before = past.map(([ms, value]): Point | undefined => {
    return value === null ? undefined : [x.place(ms), y.place(value)]
  })
  const drawing = stretched(
    html`${area('of95', of(4), of(5))}${area('of80', of(2), of(3))}${line('past', before)}${line('ahead', [
      before.at(-1),
      ...of(1),
    ])}`,
  )
  const [first, last] = [ahead[0], ahead.at(-1)].map((step) => (step === undefined ? '' : moment(step[0]!)))
  return frame({ label: `The forecast from ${first} to ${last}`, x: x.axis, y: y.axis }, drawing)
}

function backtest({ series, by, count: all, left }: ForecastCard): Markup {
  return html`<p>
      A rolling backtest: the past is cut off at many moments, and what came then is compared with what would have been
      forecast. The error (MASE) is in units of a step's usual change; the naive forecast repeats the last value, or
      that of a season before.
    </p>
    ${table(
      [by.join(', ') || 'series', 'error', 'of the naive one', 'came within 80 %', 'within 95 %', 'backtests'],
      series.map((one) => [
        seriesName(one.series) || 'the only one',
        figure(one.mase),
        figure(one.baseline_mase),
        one.coverage === undefined ? '–' : percent(one.coverage.of80),
        one.coverage === undefined ? '–' : percent(one.coverage.of95),
        one.origins === undefined ? '–' : count(one.origins),
      ]),
    )}
    ${all > series.length ? html`<p>These are ${count(series.length)} of ${count(all)} series.</p>` : ''}
    ${left.slice(0, 20).map(({ key, reason }) => html`<p>No forecast of <code>${key}</code>: ${marked(reason)}</p>`)}`
}

function tried({ series }: ForecastCard): Markup {
  return html`${series
    .filter(({ tried }) => tried.length > 0)
    .slice(0, 4)
    .map(
      (one) =>
        html`<p>
            ${seriesName(one.series) || 'The series'}: ${one.methods.join(', ')}, of ${count(one.points)}
            points${seasonWords(one)}.
          </p>
          ${table(
            ['method', 'error (MASE)', 'RMSE'],
            one.tried
              .toSorted((a, b) => (a.mase ?? Infinity) - (b.mase ?? Infinity))
              .map(({ method, mase, rmse }) => [method, figure(mase), figure(rmse)]),
          )}`,
    )}`
}

function seasonWords({ seasons }: Series): string {
  return seasons.length === 0 ? ', without a season' : `, with seasons of ${seasons.map(count).join(' and ')} points`
}
