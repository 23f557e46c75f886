import { html } from 'hono/html'

export { html }

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code, pre { font: 14px/1.5 ui-monospace, monospace }
pre { overflow-x: auto; padding: .75rem; background: color-mix(in srgb, currentcolor 8%, transparent) }
h2 { margin-top: 3rem } section { margin: 1.5rem 0 }
details { margin: .5rem 0 } summary { cursor: pointer }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top }
.method { display: inline-block; min-width: 4rem; font-weight: 700 }
`

/** A page of ours: no script, nothing from elsewhere. */
export async function page(title: string, body: ReturnType<typeof html>): Promise<Response> {
  const text = await html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} · Edgewise</title>
        <link rel="stylesheet" href="/docs/style.css" />
      </head>
      <body>
        <h1>${title}</h1>
        ${body}
      </body>
    </html>`
  return new Response(text.toString(), {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy':
        "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
      'referrer-policy': 'no-referrer',
      'cache-control': 'public, max-age=300',
    },
  })
}

export function stylesheet(): Response {
  return new Response(style, {
    headers: { 'content-type': 'text/css; charset=utf-8', 'cache-control': 'public, max-age=3600' },
  })
}
