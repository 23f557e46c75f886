import type { Client } from '#mesh/client/index.ts'
import { type Broken, createVerifier, type Link } from '../../chain.ts'
import { CliError, exits } from '../exit.ts'

export interface Verified {
  /** Empty for the installation. */
  readonly workspace: string
  readonly broken: Broken | undefined
  /** The first entry that there is. */
  readonly from: number
  readonly head: Link
}

/** What the gateway gives, page by page. */
export async function verifyGateway(
  { audit }: Pick<Client, 'audit'>,
  options: { readonly installation: boolean; readonly remembered: readonly Link[] },
): Promise<Verified> {
  const chain = options.installation ? 'installation' : 'workspace'
  const read = (cursor?: string) => audit.list({ chain, order: 'oldest', limit: 1_000, cursor })
  let page = await read()
  const { workspace, anchor, head } = page
  const verifier = createVerifier(workspace, anchor, [head, ...options.remembered])
  for (;;) {
    for (const { request_id: requestId, ...entry } of page.data) {
      const broken = verifier.take({ ...entry, requestId })
      if (broken !== undefined) return { workspace, broken, from: anchor.seq + 1, head }
    }
    if (page.next_cursor === null) break
    page = await read(page.next_cursor)
    // The front was pruned under our feet, which happens once a day.
    if (page.anchor.seq !== anchor.seq) return verifyGateway({ audit }, options)
  }
  return { workspace, broken: verifier.end(), from: anchor.seq + 1, head: verifier.last() }
}

/** `seq:hash`, as `verify` prints it. */
export function parseLink(text: string): Link {
  const match = /^(\d{1,15}):([\da-f]{64})$/.exec(text.trim())
  if (match?.[2] !== undefined) return { seq: Number(match[1]), hash: match[2] }
  throw new CliError(`${text} is not seq:hash.`, {
    exitCode: exits.usage,
    hint: 'Give it as `edgewise audit verify` printed it.',
  })
}
