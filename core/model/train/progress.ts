type OnProgress = (done: number, of: number) => void

/** Parts of a work, each with its share of the whole, as one count up to the sum of the shares. */
export function progressOf<Part extends string>(
  onProgress: OnProgress | undefined,
  shares: Readonly<Record<Part, number>>,
): Partial<Record<Part, OnProgress>> {
  if (onProgress === undefined) return {}
  const parts = Object.entries<number>(shares)
  const whole = parts.reduce((sum, [, share]) => sum + share, 0)
  let before = 0
  const found = parts.map(([part, share]) => {
    const from = before
    before += share
    return [part, (done: number, of: number) => onProgress(from + (share * done) / of, whole)] as const
  })
  return Object.fromEntries(found) as Partial<Record<Part, OnProgress>>
}
