import { Failure } from '#mesh/errors.ts'

/** The ETag of a resource that has versions. */
export function versionTag(version: number): string {
  return `"${version}"`
}

/** The version that If-Match asks for; 0 where any will do. */
export function ifVersion(ifMatch: string | undefined): number {
  if (ifMatch === undefined || ifMatch.trim() === '*') return 0
  const match = /^\s*(?:W\/)?"(\d{1,9})"\s*$/.exec(ifMatch)
  if (match === null || Number(match[1]) === 0) {
    throw new Failure('request.invalid', 'If-Match is not an ETag that was given out here.', {
      errors: [{ pointer: 'If-Match', reason: 'not `"<version>"`' }],
    })
  }
  return Number(match[1])
}

/** The version that there must be for a change to be made: 0 where there must be nothing, undefined where any will do. */
export function onlyVersion(ifMatch: string | undefined, ifNoneMatch: string | undefined): number | undefined {
  if (ifNoneMatch === undefined) return ifVersion(ifMatch) || undefined
  if (ifNoneMatch.trim() === '*' && ifMatch === undefined) return 0
  throw new Failure('request.invalid', 'If-None-Match is for making what is not there.', {
    errors: [{ pointer: 'If-None-Match', reason: 'must be *, without If-Match' }],
  })
}
