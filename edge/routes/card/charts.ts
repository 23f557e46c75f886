import { html, type Markup } from '../page.ts'

/**
 * Pictures as SVG. Places are shares of the width and the height, so that they fit any page, and letters keep their size:
 * only paths are in a box of their own that stretches.
 */

/** A share, 0 to 1, as SVG has it. */
function at(share: number): string {
  return `${(100 * share).toFixed(2)}%`
}

/** A bar of a share; negative ones are empty. */
export function bar(share: number, label: string): Markup {
  return html`<svg class="bar" role="img" aria-label="${label}">
    <rect class="track" width="100%" height="100%" rx="3" />
    <rect class="fill" width="${at(Math.min(1, Math.max(0, share)))}" height="100%" rx="3" />
  </svg>`
}

export interface Axis {
  /** Where, as a share, and what. */
  readonly ticks: readonly { readonly at: number; readonly text: string }[]
  /** What it is of. */
  readonly title?: string
}

interface Frame {
  readonly label: string
  readonly x: Axis
  readonly y: Axis
  readonly square?: boolean
}

/** Axes around a drawing. Shares of `y` count from below. */
export function frame({ label, x, y, square = false }: Frame, drawing: Markup): Markup {
  return html`<figure class="chart${square ? ' square' : ''}">
    ${y.title === undefined ? '' : html`<figcaption>${y.title}</figcaption>`}
    <svg class="y" aria-hidden="true">
      ${y.ticks.map((tick) => html`<text x="100%" y="${at(1 - tick.at)}" dy=".35em">${tick.text}</text>`)}
    </svg>
    <svg class="plot" role="img" aria-label="${label}">
      ${y.ticks.map((tick) => html`<line class="grid" x2="100%" y1="${at(1 - tick.at)}" y2="${at(1 - tick.at)}" />`)}
      ${drawing}
    </svg>
    <svg class="x" aria-hidden="true">
      ${x.ticks.map((tick) => {
        const anchor = tick.at < 0.1 ? 'start' : tick.at > 0.9 ? 'end' : 'middle'
        return html`<text x="${at(tick.at)}" y="1.1em" text-anchor="${anchor}">${tick.text}</text>`
      })}
    </svg>
    ${x.title === undefined ? '' : html`<p class="under">${x.title}</p>`}
  </figure>`
}

export type Point = readonly [x: number, y: number]

/** What is stretched: lines and areas. */
export function stretched(paths: Markup): Markup {
  return html`<svg width="100%" height="100%" viewBox="0 0 1000 1000" preserveAspectRatio="none">${paths}</svg>`
}

/** A line through points, broken where there is none. */
export function line(kind: string, points: readonly (Point | undefined)[]): Markup {
  const d = points.map((point, i) => {
    if (point === undefined) return ''
    return `${points[i - 1] === undefined ? 'M' : 'L'}${placed(point)}`
  })
  return html`<path class="${kind}" d="${d.join('')}" />`
}

/** What is between two lines. */
export function area(kind: string, low: readonly Point[], high: readonly Point[]): Markup {
  return html`<path class="${kind}" d="M${[...low, ...high.toReversed()].map(placed).join('L')}Z" />`
}

export function dot([x, y]: Point, radius: number, title: string): Markup {
  return html`<circle class="dot" cx="${at(x)}" cy="${at(1 - y)}" r="${radius.toFixed(1)}"
    ><title>${title}</title></circle
  >`
}

/** From one share of the width to another, over the whole height; at least so wide that it is seen. */
export function stripe(kind: string, from: number, to: number, title: string): Markup {
  const width = Math.max(0.003, to - from)
  return html`<rect class="${kind}" x="${at(from)}" width="${at(width)}" height="100%"><title>${title}</title></rect>`
}

function placed([x, y]: Point): string {
  return `${(1000 * x).toFixed(1)} ${(1000 * (1 - y)).toFixed(1)}`
}
