/** Share of the wanted ones that stand among the first `k`. */
export function recallAt(ranked: readonly string[], wanted: ReadonlySet<string>, k: number): number {
  return ranked.slice(0, k).filter((id) => wanted.has(id)).length / wanted.size
}

/** Whether one of the wanted ones stands among the first `k`. */
export function hitAt(ranked: readonly string[], wanted: ReadonlySet<string>, k: number): number {
  return ranked.slice(0, k).some((id) => wanted.has(id)) ? 1 : 0
}

/** One over the place of the first wanted one. */
export function reciprocalRank(ranked: readonly string[], wanted: ReadonlySet<string>): number {
  const at = ranked.findIndex((id) => wanted.has(id))
  return at < 0 ? 0 : 1 / (at + 1)
}

/** Normalised discounted cumulative gain of the first `k`, gain being the grade itself. */
export function ndcgAt(ranked: readonly string[], grades: ReadonlyMap<string, number>, k: number): number {
  const sum = (gains: readonly number[]): number =>
    gains.slice(0, k).reduce((total, gain, at) => total + gain / Math.log2(at + 2), 0)
  const ideal = sum([...grades.values()].toSorted((left, right) => right - left))
  return ideal === 0 ? 0 : sum(ranked.map((id) => grades.get(id) ?? 0)) / ideal
}

/** How likely a value of the first list is above one of the second; ties count half. 0.5: nothing can be told from it. */
export function areaUnderCurve(above: readonly number[], below: readonly number[]): number {
  const all = [...above.map((value) => ({ value, isAbove: true })), ...below.map((value) => ({ value, isAbove: false }))]
  all.sort((left, right) => left.value - right.value)
  let rankSum = 0
  for (let from = 0; from < all.length;) {
    let to = from
    while (to < all.length && all[to]?.value === all[from]?.value) to += 1
    const rank = (from + 1 + to) / 2
    for (let at = from; at < to; at += 1) if (all[at]?.isAbove === true) rankSum += rank
    from = to
  }
  return (rankSum - (above.length * (above.length + 1)) / 2) / (above.length * below.length)
}

export function mean(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length
}
