import type { OpenAPIHono } from '@hono/zod-openapi'
import { problems } from '#mesh/errors.ts'
import { scopes } from '#mesh/scopes.ts'
import type { AppEnv } from './context.ts'
import { html, page, raw } from './page.ts'
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
  let text: ReturnType<typeof operations> | undefined
  app.get('/openapi.json', (c) => c.json((document ??= describe(app)), 200, { 'cache-control': 'public, max-age=300' }))
  app.get('/docs', async () => {
    document ??= describe(app)
    text ??= operations(document.paths as Record<string, Record<string, Operation>>)
    const { sections, links } = await text
    return page('Edgewise API', html`${await introduction()} ${raw(sections)} ${await reference()}`, {
      links: html`${raw(links)}`,
    })
  })
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

function introduction() {
  return html`<p>
      Every <code>/v1</code> route needs a key: <code>Authorization: Bearer ew_…</code> or <code>X-API-Key</code>, never
      in the URL. Errors are <code>application/problem+json</code> with a stable <code>code</code>, the place and the
      way out. Lists take <code>?limit=</code> and <code>?cursor=</code>. A write that carries an
      <code>Idempotency-Key</code> can be sent again. <code>RateLimit</code>, <code>Cache-Status</code> and
      <code>X-Request-Id</code> say what became of a request.
    </p>
    <pre>
curl -d '{"time":"2026-01-01T12:00:00Z","path":"/","status":200}' $URL/v1/events/hits -H "Authorization: Bearer $KEY"
curl -d 'SELECT path, count() FROM hits GROUP BY path' $URL/v1/sql -H "Authorization: Bearer $KEY"</pre>
    <p>For software: <a href="/openapi.json">OpenAPI 3.1</a>.</p>`
}

function reference() {
  return html`<h2 id="scopes">Scopes</h2>
    <table>
      ${Object.entries(scopes).map(
        ([scope, meaning]) =>
          html`<tr>
            <td><code>${scope}</code></td>
            <td>${meaning}</td>
          </tr>`,
      )}
    </table>
    <h2 id="problems">Problems</h2>
    <table>
      ${Object.entries(problems).map(
        ([code, { title, hint }]) =>
          html`<tr>
            <td>
              <a href="/problems/${code}"><code>${code}</code></a>
            </td>
            <td>${title}. ${hint}</td>
          </tr>`,
      )}
    </table>`
}

/** The operations by resource, and links to them. */
async function operations(
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>,
): Promise<{ readonly sections: string; readonly links: string }> {
  const byTag = new Map<string, string[]>()
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const [tag = 'other'] = operation.tags ?? []
      byTag.set(tag, [...(byTag.get(tag) ?? []), String(await operationOf(method, path, operation))])
    }
  }
  const tags = [...byTag.keys()]
  const sections = await Promise.all(
    [...byTag].map(async ([tag, found]) =>
      String(
        await html`<h2 id="${tag}">${tag}</h2>
          ${raw(found.join(''))}`,
      ),
    ),
  )
  const links = await html`<b>Resources</b>${tags.map((tag) => html`<a href="#${tag}">${tag}</a>`)}<b>Reference</b
    ><a href="#scopes">scopes</a><a href="#problems">problems</a><a href="/openapi.json">openapi.json</a>`
  return { sections: sections.join(''), links: String(links) }
}

function operationOf(method: string, path: string, operation: Operation) {
  return html`<details id="${method}-${path}">
    <summary>
      <span class="method ${method}">${method.toUpperCase()}</span><code>${path}</code
      ><span>${operation.summary ?? ''}</span>
    </summary>
    <div>
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
    </div>
  </details>`
}
