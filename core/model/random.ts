/** Numbers in [0, 1) that a seed decides: sfc32 (Doty-Humphrey, PractRand), its state filled by splitmix32. */
export function createRandom(seed: number): () => number {
  let filling = seed >>> 0
  const fill = (): number => {
    filling = (filling + 0x9e3779b9) | 0
    let mixed = Math.imul(filling ^ (filling >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return mixed ^ (mixed >>> 15)
  }
  let [a, b, c, counter] = [fill(), fill(), fill(), 1]
  return () => {
    const next = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + next) | 0
    return (next >>> 0) / 4_294_967_296
  }
}
