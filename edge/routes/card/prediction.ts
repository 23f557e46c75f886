import { html, type Markup } from '../page.ts'
import { bar, dot, frame, line, stretched } from './charts.ts'
import { type Section, table, tile } from './parts.ts'
import type { PredictionCard } from './shape.ts'
import { count, figure, isHigherBetter, metricName, percent } from './words.ts'

type Holdout = PredictionCard['holdout']

const splits: Readonly<Record<string, string>> = {
  random: 'picked at random',
  stratified: 'picked at random, of each class its share',
  last: 'the last in time',
}

export function predictionTiles({ metric, holdout, rows, task }: PredictionCard): readonly Markup[] {
  const { metrics, baseline } = holdout
  const second = task === 'regression' ? 'r2' : 'accuracy'
  const shown = [metric, ...(metric === second ? [] : [second])].filter((name) => metrics[name] !== undefined)
  return [
    ...shown.map((name) => {
      const naive = baseline.metrics[name]
      const beside = naive === undefined ? '' : `naive answer: ${figure(naive)}`
      return tile(figure(metrics[name]), metricName(name), beside)
    }),
    tile(count(rows.used), 'rows to learn from'),
    tile(count(holdout.rows), 'rows to be judged on'),
  ]
}

export function predictionSections(card: PredictionCard): readonly Section[] {
  const { holdout, labels } = card
  const { calibration } = holdout
  return [
    { id: 'good', title: 'How good it is', body: quality(card) },
    ...(calibration === undefined
      ? []
      : [{ id: 'probabilities', title: 'What its probabilities are worth', body: reliability(calibration, labels) }]),
    { id: 'matters', title: 'What matters to it', body: importance(card) },
    { id: 'worst', title: 'Where it is worst', body: slices(card) },
    { id: 'tried', title: 'What was tried', body: tried(card) },
  ]
}

function quality({ holdout }: PredictionCard): Markup {
  const { metrics, baseline, split, rows } = holdout
  return html`<p>
      On ${count(rows)} rows that it had not seen, ${splits[split] ?? split}, beside somebody who looks at no row and
      says ${baseline.says}.
    </p>
    ${table(
      ['', 'this model', 'the naive answer', 'better is'],
      Object.entries(metrics).map(([name, value]) => [
        metricName(name),
        figure(value),
        figure(baseline.metrics[name]),
        isHigherBetter(name) ? 'more' : 'less',
      ]),
    )}`
}

/** A reliability diagram (DeGroot & Fienberg 1983). */
function reliability({ expectedError, bins }: NonNullable<Holdout['calibration']>, labels: readonly string[]): Markup {
  const what = labels.length === 2 ? html`it is <code>${labels[1]}</code>` : 'what it names is right'
  const most = Math.max(...bins.map(({ rows }) => rows))
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => ({ at: share, text: percent(share) }))
  const said = bins.map((bin) => `of ${percent(bin.said)} said ${percent(bin.came)} came`).join(', ')
  const drawing = html`${stretched(
    line('diagonal', [
      [0, 0],
      [1, 1],
    ]),
  )}${bins.map((bin) =>
    dot(
      [bin.said, bin.came],
      4 + 8 * Math.sqrt(bin.rows / most),
      `${count(bin.rows)} rows: ${percent(bin.said)} said, ${percent(bin.came)} came`,
    ),
  )}`
  return html`<p>
      How likely it says that ${what}, and how often that came true: on the dashed line the two are the same. They are
      ${percent(expectedError)} apart on average. A larger dot is more rows.
    </p>
    ${frame(
      { label: said, square: true, x: { ticks, title: 'what it said' }, y: { ticks, title: 'what came true' } },
      drawing,
    )}`
}

function importance({ holdout, metric, inputs }: PredictionCard): Markup {
  const most = Math.max(...holdout.importance.map(({ loss }) => loss), 1e-12)
  return html`<p>
      How much worse its ${metricName(metric)} is without what a column says: its values are dealt among the rows anew.
      What is about 0 could be left out. It asks for ${count(inputs.length)} columns.
    </p>
    ${table(
      ['column', '', metricName(metric)],
      holdout.importance.map(({ column, loss }) => [
        html`<code>${column}</code>`,
        bar(loss / most, `${percent(Math.max(0, loss / most))} of the most important`),
        figure(loss),
      ]),
    )}`
}

function slices({ holdout, metric }: PredictionCard): Markup {
  const overall = figure(holdout.metrics[metric])
  if (holdout.slices.length === 0) {
    return html`<p>Nowhere that 30 rows to be judged on share is it worse than over all of them.</p>`
  }
  return html`<p>
      Rows that have something in common, where its ${metricName(metric)} is worse than the ${overall} over all.
    </p>
    ${table(
      ['where', 'rows', metricName(metric)],
      holdout.slices.map(({ column, condition, rows, value }) => [
        html`<code>${column}</code> ${condition}`,
        count(rows),
        figure(value),
      ]),
    )}`
}

function tried({ tried, chosen, metric }: PredictionCard): Markup {
  return html`<p>By cross-validation, on rows of which none is among those that it was judged on.</p>
    ${table(
      ['', `${metricName(metric)}, mean ± sd`, 'settings'],
      tried.map(({ name, mean, sd, parameters }) => [
        name === chosen ? html`<span class="chosen">${name}, chosen</span>` : name,
        `${figure(mean)} ± ${figure(sd)}`,
        Object.entries(parameters)
          .map(([parameter, value]) => `${parameter} ${typeof value === 'number' ? figure(value) : String(value)}`)
          .join(', '),
      ]),
    )}`
}
