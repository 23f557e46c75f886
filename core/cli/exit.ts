import { EdgewiseError } from '#mesh/client/index.ts'

/** What the commands end with. `start` adds those of sysexits.h, which say why a program cannot run. */
export const exits = {
  ok: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  refused: 4,
  partial: 5,
  interrupted: 130,
} as const

export const startExits = {
  databaseAway: 68,
  portInUse: 69,
  crashed: 70,
  cannotCreate: 73,
  diskFull: 74,
  locked: 75,
  configuration: 78,
} as const

export const exitHelp = `
Exit codes:
  0 done · 1 failed · 2 wrong usage · 3 the gateway cannot be reached · 4 the credential is missing or refused
  5 done in part (rows were quarantined, or one of several files failed) · 130 interrupted`

/** A failure that is told in a line, with the way out. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: number
  readonly hint: string | undefined

  constructor(message: string, options: { readonly exitCode?: number; readonly hint?: string | undefined } = {}) {
    super(message)
    this.exitCode = options.exitCode ?? exits.failed
    this.hint = options.hint
  }
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CliError) return error.exitCode
  if (error instanceof EdgewiseError) {
    if (error.status === 401 || error.status === 403) return exits.refused
    if (error.status === 0 || error.code === 'core.unavailable') return exits.unreachable
  }
  if (error instanceof Error && error.name === 'AbortError') return exits.interrupted
  return exits.failed
}

/** What is said on stderr. */
export function describeError(error: unknown): string {
  if (error instanceof EdgewiseError) {
    const places = error.errors.map((place) => {
      const at = place.pointer ?? (place.line === undefined ? '' : `line ${place.line}:${place.column ?? 1}`)
      return `  ${at}${at === '' ? '' : ': '}${place.reason}`
    })
    return [
      `${error.message} (${error.code})`,
      ...places,
      ...(error.hint === undefined ? [] : [`→ ${error.hint}`]),
      ...(error.requestId === undefined || error.status < 500 ? [] : [`  request id ${error.requestId}`]),
    ].join('\n')
  }
  if (error instanceof CliError) return error.hint === undefined ? error.message : `${error.message}\n→ ${error.hint}`
  return error instanceof Error ? error.message : String(error)
}

export function errorJson(error: unknown): object {
  if (error instanceof EdgewiseError) {
    const { code, title, message: detail, status, hint, requestId: request_id, errors } = error
    return { error: { code, title, detail, status, hint, request_id, errors } }
  }
  return { error: { detail: describeError(error) } }
}
