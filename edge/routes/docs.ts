import type { OpenAPIHono } from '@hono/zod-openapi'
import { raw } from 'hono/html'
import type { AppEnv } from './context.ts'
import { html, page, stylesheet } from './page.ts'
import { problemPage } from './problems.ts'

interface Operation {
  readonly tags?: readonly string[]
  readonly summary?: string
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly required?: boolean
    readonly description?: string
  }[]
  readonly requestBody?: object
  readonly responses?: Readonly<Record<string, { readonly description?: string }>>
}

/** The description of the API, for software and for people. Both are made of the route schemas. */
export function docs(app: OpenAPIHono<AppEnv>): void {
  let document: ReturnType<typeof describe> | undefined
  let text: Promise<string> | undefined
  app.get('/openapi.json', (c) => c.json((document ??= describe(app)), 200, { 'cache-control': 'public, max-age=300' }))
  app.get('/docs', async () => {
    document ??= describe(app)
    text ??= operations(document.paths as Record<string, Record<string, Operation>>)
    return page(
      'Edgewise API',
      html`<p>OpenAPI 3.1: <a href="/openapi.json">/openapi.json</a></p>
        ${raw(await text)}`,
    )
  })
  app.get('/docs/style.css', stylesheet)
  app.get('/problems/:code', problemPage)
}

function describe(app: OpenAPIHono<AppEnv>) {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key: `ew_…`',
  })
  app.openAPIRegistry.registerComponent('securitySchemes', 'key', { type: 'apiKey', in: 'header', name: 'X-API-Key' })
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Edgewise', version: '1', description: 'Events in, SQL endpoints out.' },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { key: [] }],
  })
}

async function operations(paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>): Promise<string> {
  const byTag = new Map<string, string[]>()
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const [tag = 'other'] = operation.tags ?? []
      const section = await html`<section id="${method}-${path}">
        <details>
          <summary>
            <code><span class="method">${method.toUpperCase()}</span> ${path}</code> ${operation.summary ?? ''}
          </summary>
          <table>
            ${(operation.parameters ?? []).map(
              (given) =>
                html`<tr>
                  <td><code>${given.name}</code></td>
                  <td>${given.in}${given.required ? ', required' : ''}</td>
                  <td>${given.description ?? ''}</td>
                </tr>`,
            )}
            ${Object.entries(operation.responses ?? {}).map(
              ([status, { description }]) =>
                html`<tr>
                  <td><code>${status}</code></td>
                  <td>answer</td>
                  <td>${description ?? ''}</td>
                </tr>`,
            )}
          </table>
          ${operation.requestBody === undefined ? '' : html`<pre>${JSON.stringify(operation.requestBody, null, 2)}</pre>`}
        </details>
      </section>`
      byTag.set(tag, [...(byTag.get(tag) ?? []), String(section)])
    }
  }
  const sections = [...byTag].map(async ([tag, found]) =>
    String(
      await html`<h2>${tag}</h2>
        ${raw(found.join(''))}`,
    ),
  )
  return (await Promise.all(sections)).join('')
}
