import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { accepts } from 'hono/accepts'
import { Failure } from '#mesh/errors.ts'
import type { Version } from '#proto/edgewise/model/v1/model_pb.ts'
import { asCaller } from '../../core.ts'
import type { Deps } from '../../deps.ts'
import { type AppEnv, callerOf } from '../context.ts'
import { html, type Markup, page } from '../page.ts'
import { failures, Name, query } from '../schemas.ts'
import { sectionsOf, tilesOf } from './sections.ts'
import { Card } from './shape.ts'
import { cardStyle } from './style.ts'

const card = createRoute({
  tags: ['models'],
  summary: 'What is known of a model: its card, as a page for browsers, else as JSON',
  method: 'get',
  path: '/v1/models/{name}/card',
  request: {
    params: z.object({ name: Name }),
    query: query({
      version: z.coerce
        .number()
        .int()
        .min(1)
        .max(0x7fff_ffff)
        .optional()
        .openapi({ description: 'Else the one that predicts, or else the newest' }),
    }),
  },
  responses: {
    200: {
      description: 'The card, by Accept',
      content: {
        'application/json': { schema: z.record(z.string(), z.unknown()) },
        'text/html': { schema: z.string() },
      },
    },
    ...failures,
  },
})

/** One file, without script: it can be kept and passed on as it is. */
export function cards(app: OpenAPIHono<AppEnv>, { core }: Deps): void {
  app.openapi(card, async (c) => {
    const { name } = c.req.valid('param')
    const { version = 0 } = c.req.valid('query')
    c.set('resource', name)
    const found = await core.model.getVersion({ name, version }, asCaller(callerOf(c)))
    if (found.card === '') throw notYet(found)
    const known = JSON.parse(found.card) as Record<string, unknown>
    const supports = ['application/json', 'text/html']
    const asked = accepts(c, { header: 'Accept', supports, default: 'application/json' })
    c.header('vary', 'Accept')
    return asked === 'text/html' ? cardPage(found, known) : c.json(known, 200)
  })
}

function notYet({ name, version, status }: Version): Failure {
  return new Failure('model.not_found', `Version ${version} of \`${name}\` is ${status}, and has no card.`, {
    hint: `DESCRIBE MODEL ${name}.jobs says how its trainings stand.`,
  })
}

async function cardPage(version: Version, known: unknown): Promise<Response> {
  const { success, data } = Card.safeParse(known)
  const sections = success ? sectionsOf(data, version) : [{ id: 'card', title: 'Card', body: asText(known) }]
  const state = [`version ${version.version}`, version.live ? 'live' : 'not live', version.engine]
  const links = html`<b>${version.name}</b>${sections.map(({ id, title }) => html`<a href="#${id}">${title}</a>`)}`
  const body = html`<p class="state">${success ? what(data) : ''}<b>${state.join(' · ')}</b></p>
    ${success && data.lineage?.description !== undefined ? html`<p>${data.lineage.description}</p>` : ''}
    ${success ? html`<div class="tiles">${tilesOf(data)}</div>` : ''}
    ${sections.map(
      ({ id, title, body }) =>
        html`<h2 id="${id}">${title}</h2>
          ${body}`,
    )}`
  const shown = await page(version.name, body, { links, style: cardStyle, cache: 'private, no-cache' })
  shown.headers.set('vary', 'Accept')
  return shown
}

/** Of another version of this program, perhaps. */
function asText(known: unknown): Markup {
  return html`<pre>${JSON.stringify(known, null, 2)}</pre>`
}

function what(card: Card): Markup {
  if (card.task === 'segments') return html`Groups of rows that are alike, `
  const of = html`<code>${card.target}</code>`
  if (card.task === 'forecast') return html`A forecast of ${of}, `
  if (card.task === 'anomaly') return html`What is out of the ordinary in ${of}, `
  return card.task === 'regression' ? html`Predicts ${of}, a number, ` : html`Predicts ${of}, ${classes(card.labels)}, `
}

function classes(labels: readonly string[]): string {
  const few = labels.slice(0, 5).join(', ')
  return labels.length > 5 ? `${few} and ${labels.length - 5} more` : labels.join(' or ')
}
