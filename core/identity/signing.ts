import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT, type JWTPayload } from 'jose'
import { itself, record } from '../audit/index.ts'
import type { Seal } from '../seal.ts'
import type { ControlDb } from '../storage/control.ts'
import { insertSigningKey, deleteSigningKeys, signingKeysOf, type SigningKeyRow } from './store-tokens.ts'

const algorithm = 'ES256'
/** A key signs for so long, */
const signsForMs = 30 * 86_400_000
/** is published so long before it does, so that whoever keeps the key set has it by then, */
const publishedAheadMs = 86_400_000
/** and verifies so long after: longer than any token of its. */
const verifiesAfterMs = 3_600_000

/** The longest that an access token holds. */
export const longestTokenSeconds = 900

export interface Signer {
  /** Signs claims as an access token (RFC 9068). */
  sign(claims: JWTPayload): Promise<string>
  /** Those that sign, will sign, or have signed something that still holds: a JWK Set (RFC 7517). */
  publicKeys(): Promise<{ readonly keys: readonly JWK[] }>
  /** Makes the next key when it is due, and forgets those of which no token is left. True when anything changed. */
  rotate(): Promise<boolean>
}

export interface SignerDeps {
  readonly db: ControlDb
  readonly seal: Seal
  readonly now: () => number
}

/** Our own signing keys, rotating with overlap. Their private halves exist in the memory of cores and nowhere else. */
export function createSigner({ db, seal, now }: SignerDeps): Signer {
  let signing:
    | { readonly id: string; readonly key: Awaited<ReturnType<typeof importJWK>>; readonly until: number }
    | undefined

  async function mint(signsFrom: number): Promise<SigningKeyRow> {
    const { privateKey } = await generateKeyPair(algorithm, { extractable: true })
    const secret = await exportJWK(privateKey)
    const { d: _, ...open } = secret
    const id = await calculateJwkThumbprint(open)
    const row = {
      id,
      publicJwk: { ...open, kid: id, use: 'sig', alg: algorithm },
      sealedJwk: seal.seal(signingKeyPlace(id), JSON.stringify(secret)),
      createdAt: new Date(now()),
      signsFrom: new Date(signsFrom),
    }
    return db.transaction(async (tx) => {
      await insertSigningKey(tx, row)
      const detail = { signs_from: row.signsFrom.toISOString() }
      await record(tx, itself(), { action: 'add_signing_key', resource: `signing_key/${id}`, detail })
      return row
    })
  }

  /** Newest first. */
  async function all(): Promise<readonly SigningKeyRow[]> {
    const rows = await signingKeysOf(db)
    return rows.length > 0 ? rows : [await mint(now())]
  }

  async function current() {
    if (signing !== undefined && now() < signing.until) return signing
    const rows = await all()
    const row = rows.find(({ signsFrom }) => signsFrom.getTime() <= now()) ?? rows.at(-1)
    if (row === undefined) throw new Error('there is no key to sign with')
    const next = rows.findLast(({ signsFrom }) => signsFrom.getTime() > now())
    const key = await importJWK(JSON.parse(seal.open(signingKeyPlace(row.id), row.sealedJwk)) as JWK, algorithm)
    signing = { id: row.id, key, until: Math.min(now() + 60_000, next?.signsFrom.getTime() ?? Infinity) }
    return signing
  }

  return {
    async sign(claims) {
      const { id, key } = await current()
      return new SignJWT(claims).setProtectedHeader({ alg: algorithm, kid: id, typ: 'at+jwt' }).sign(key)
    },
    publicKeys: async () => ({ keys: (await all()).map((row) => row.publicJwk as JWK) }),
    async rotate() {
      const rows = await all()
      const newest = rows[0]?.signsFrom.getTime() ?? 0
      const due = now() >= newest + signsForMs - publishedAheadMs
      if (due) await mint(Math.max(now(), newest + signsForMs))
      // A key's successor tells when it signed last.
      const over = rows.filter(
        (_, at) => at > 0 && (rows[at - 1]?.signsFrom.getTime() ?? Infinity) + verifiesAfterMs < now(),
      )
      if (over.length > 0)
        await deleteSigningKeys(
          db,
          over.map(({ id }) => id),
        )
      return due || over.length > 0
    },
  }
}

export function signingKeyPlace(id: string): string {
  return `signing_key/${id}`
}
