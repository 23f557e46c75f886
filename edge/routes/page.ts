import { html, raw } from 'hono/html'

export { html, raw }

const common = `
:root { color-scheme: light dark; --line: light-dark(#e3e5ea, #2c3038); --soft: light-dark(#f5f6f8, #1b1e24);
  --dim: light-dark(#5c6370, #9aa3b2); --link: light-dark(#0b57d0, #8ab4f8); font: 16px/1.55 system-ui, sans-serif }
body { margin: 0; background: light-dark(#fff, #14161b); color: light-dark(#1a1d23, #dfe3ea) }
.page { display: grid; grid-template-columns: 14rem minmax(0, 54rem); gap: 3rem; max-width: 76rem; margin: 0 auto; padding: 0 1.5rem }
nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow: auto; padding: 2rem 0; font-size: .9rem }
nav a { display: block; padding: .15rem 0; color: var(--dim) } nav b { display: block; margin-top: 1rem }
main { padding: 2rem 0 6rem } a { color: var(--link); text-decoration: none } a:hover { text-decoration: underline }
h1 { font-size: 1.9rem; margin: 0 0 1rem } h2 { margin: 3rem 0 .5rem; text-transform: capitalize; font-size: 1.3rem }
code, pre { font: .87rem/1.55 ui-monospace, 'SF Mono', 'DejaVu Sans Mono', monospace }
pre { overflow-x: auto; padding: .8rem 1rem; background: var(--soft); border: 1px solid var(--line); border-radius: 8px }
details { margin: .4rem 0; border: 1px solid var(--line); border-radius: 8px } details[open] { background: var(--soft) }
details pre { background: light-dark(#fff, #14161b) }
summary { cursor: pointer; padding: .55rem .9rem; list-style: none } summary span:last-child { color: var(--dim); margin-left: .6rem }
details > div { padding: 0 .9rem .6rem }
table { border-collapse: collapse; width: 100%; font-size: .92rem } td, th { padding: .35rem .9rem .35rem 0; text-align: left;
  vertical-align: top; border-top: 1px solid var(--line) } td:first-child { white-space: nowrap }
.method { display: inline-block; min-width: 3.6rem; margin-right: .7rem; padding: .05rem .4rem; border-radius: 5px; color: #fff;
  text-align: center; font: 600 .75rem/1.6 ui-monospace, monospace; background: #6b7280 }
.get { background: #1a7f4b } .post { background: #0b57d0 } .put { background: #9a5b00 } .delete { background: #b3261e } .patch { background: #7a3fb0 }
@media (max-width: 50rem) { .page { display: block } nav { position: static; max-height: none } }
`

export type Markup = ReturnType<typeof html>

interface PageOptions {
  readonly links?: Markup
  /** Beside what all pages have. */
  readonly style?: string
  readonly cache?: string
}

/** A page of ours: no script, nothing from elsewhere, all of it in one file. */
export async function page(
  title: string,
  body: Markup,
  { links, style = '', cache = 'public, max-age=300' }: PageOptions = {},
): Promise<Response> {
  const css = common + style
  const text = await html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} · Edgewise</title>
        ${raw(`<style>${css}</style>`)}
      </head>
      <body>
        <div class="page">
          <nav><a href="/docs">Edgewise API</a>${links ?? ''}</nav>
          <main>
            <h1>${title}</h1>
            ${body}
          </main>
        </div>
      </body>
    </html>`
  return new Response(text.toString(), {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; style-src '${await hashOf(css)}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
      'referrer-policy': 'no-referrer',
      'cache-control': cache,
    },
  })
}

/** As a policy names a style that it allows (CSP Level 3, §2.3.1). */
async function hashOf(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
  return `sha256-${btoa(String.fromCharCode(...digest))}`
}
