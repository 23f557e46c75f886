import type { Version } from '#proto/edgewise/model/v1/model_pb.ts'
import { html, type Markup } from '../page.ts'
import { iso } from '../schemas.ts'
import { anomalySections, anomalyTiles } from './anomaly.ts'
import { forecastSections, forecastTiles } from './forecast.ts'
import { facts, marked, type Section, table } from './parts.ts'
import { predictionSections, predictionTiles } from './prediction.ts'
import { segmentsSections, segmentsTiles } from './segments.ts'
import type { Card } from './shape.ts'
import { count, moment, percent } from './words.ts'

export function tilesOf(card: Card): readonly Markup[] {
  switch (card.task) {
    case 'forecast':
      return forecastTiles(card)
    case 'anomaly':
      return anomalyTiles(card)
    case 'segments':
      return segmentsTiles(card)
    default:
      return predictionTiles(card)
  }
}

/** All of a card: what its kind has to say, and what every model has. */
export function sectionsOf(card: Card, version: Version): readonly Section[] {
  return [
    ...ownSections(card),
    { id: 'data', title: 'What it was trained from', body: trainedFrom(card) },
    ...(card.limits.length === 0
      ? []
      : [{ id: 'limits', title: 'What it is not good for', body: listed(card.limits) }]),
    { id: 'lineage', title: 'Where it comes from', body: origin(card, version) },
  ]
}

function ownSections(card: Card): readonly Section[] {
  switch (card.task) {
    case 'forecast':
      return forecastSections(card)
    case 'anomaly':
      return anomalySections(card)
    case 'segments':
      return segmentsSections(card)
    default:
      return predictionSections(card)
  }
}

function trainedFrom({ rows, sample, notes, lineage }: Card): Markup {
  return html`${lineage === undefined ? '' : html`<pre>${lineage.query}</pre>`}
  ${facts([
    ['rows', `${count(rows.used)}${rows.dropped > 0 ? `; ${count(rows.dropped)} without a target were left out` : ''}`],
    ...(sample !== undefined && sample.share < 1
      ? ([['sample', `${percent(sample.share)} of ${count(sample.total)} rows`]] as const)
      : []),
    ...(sample?.sha256 === undefined ? [] : ([['fingerprint', html`<code>${sample.sha256}</code>`]] as const)),
  ])}
  ${
    notes.length === 0
      ? ''
      : html`<p>What was found in the columns:</p>
          ${table(
            ['column', 'found', 'and so'],
            notes.map(({ column, finding, action }) => [html`<code>${column}</code>`, marked(finding), marked(action)]),
          )}`
  }`
}

function listed(sentences: readonly string[]): Markup {
  return html`<ul>
    ${sentences.map((sentence) => html`<li>${marked(sentence)}</li>`)}
  </ul>`
}

function origin({ lineage, seed }: Card, { createdAt, sha256, bytes, job, name }: Version): Markup {
  const options = Object.entries(lineage?.options ?? {}).map(
    ([option, value]) => `${option} = ${JSON.stringify(value)}`,
  )
  const parent = lineage?.parent
  return facts([
    ['licence', lineage?.license ?? 'none is given'],
    ...(lineage?.tags === undefined ? [] : ([['tags', lineage.tags.join(', ')]] as const)),
    ['asked for', moment(iso(createdAt) ?? 0)],
    ...(lineage === undefined ? [] : ([['trained by', lineage.code]] as const)),
    ['options', options.join(', ') || 'none'],
    ...(seed === undefined ? [] : ([['seed', String(seed)]] as const)),
    ['before it', parent === null || parent === undefined ? 'no version predicted' : `${name}@${parent}`],
    ['file', html`<code>${sha256}</code>, ${count(Number(bytes))} bytes`],
    ['job', html`<code>${job}</code>`],
  ])
}
