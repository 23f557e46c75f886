import { expect, test } from 'vitest'

/** Who is told of cases: vitest, or somebody who collects them. */
export interface Register {
  describe(heading: string, cases: () => void): void
  test(name: string, check: () => Promise<void>): void
}

/** What an engine does that none may, and the cases that find it out. */
export interface Lie<T> {
  readonly foundBy: readonly string[]
  of(honest: T): Partial<T>
}

type Cases = ReadonlyMap<string, () => Promise<void>>

function casesOf(contract: (register: Register) => void): Cases {
  const cases = new Map<string, () => Promise<void>>()
  contract({ describe: (_, inner) => inner(), test: (name, check) => void cases.set(name, check) })
  return cases
}

/** Positive controls of a contract: `contract` registers its cases over an engine that lies so. */
export function controls<T>(
  lies: Readonly<Record<string, Lie<T>>>,
  contract: (lie: Lie<T>['of'], register: Register) => void,
): void {
  test.each(Object.entries(lies))('one that %s is found out', { timeout: 60_000 }, async (_, { of, foundBy }) => {
    const cases = casesOf((register) => contract(of, register))
    for (const name of foundBy) {
      const check = cases.get(name)
      if (check === undefined) throw new Error(`there is no case ${name}`)
      await expect(check(), name).rejects.toThrow()
    }
  })

  test('no case is one that nothing fails', () => {
    const found = new Set(Object.values(lies).flatMap(({ foundBy }) => foundBy))
    const cases = casesOf((register) => contract(() => ({}), register))
    expect([...cases.keys()].filter((name) => !found.has(name))).toEqual([])
  })
}
