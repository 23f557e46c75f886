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
