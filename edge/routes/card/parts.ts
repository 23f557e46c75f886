import { html, type Markup } from '../page.ts'

/** What sections of a card are made of. */

export interface Section {
  readonly id: string
  readonly title: string
  readonly body: Markup
}

export function table(head: readonly string[], rows: readonly (readonly (string | Markup)[])[]): Markup {
  return html`<div class="wide">
    <table>
      <thead>
        <tr>
          ${head.map((text) => html`<th scope="col">${text}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${row.map((cell) => html`<td>${cell}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}

/** Names and what they are. */
export function facts(pairs: readonly (readonly [string, string | Markup])[]): Markup {
  return html`<dl>
    ${pairs.map(
      ([name, value]) =>
        html`<dt>${name}</dt>
          <dd>${value}</dd>`,
    )}
  </dl>`
}

/** A number that says it all, and what it is to be seen beside. */
export function tile(value: string, name: string, beside = ''): Markup {
  return html`<div class="tile">
    <b>${value}</b><span>${name}</span>${beside === '' ? '' : html`<small>${beside}</small>`}
  </div>`
}

/** Text of the core's, in which names are between backticks. */
export function marked(text: string): Markup {
  return html`${text.split('`').map((part, at) => (at % 2 === 0 ? part : html`<code>${part}</code>`))}`
}
