/** Names that somebody may have meant, the nearest first. */
export function nearestNames(name: string, known: readonly string[], most: number): readonly string[] {
  const wanted = pairsOf(name)
  return known
    .map((one) => ({ one, score: likeness(wanted, pairsOf(one)) }))
    .filter(({ score }) => score > 0.2)
    .toSorted((left, right) => right.score - left.score || (left.one < right.one ? -1 : 1))
    .slice(0, most)
    .map(({ one }) => one)
}

/** Neighbouring letters, without signs and case. */
function pairsOf(name: string): ReadonlySet<string> {
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  return new Set(Array.from({ length: Math.max(0, plain.length - 1) }, (_, at) => plain.slice(at, at + 2)))
}

/** Dice's coefficient. */
function likeness(left: ReadonlySet<string>, right: ReadonlySet<string>): number {
  const common = [...left].filter((pair) => right.has(pair)).length
  return (2 * common) / Math.max(1, left.size + right.size)
}
