/** Keeps the best of many scored slots without sorting them all. */
export interface TopK {
  /** Offers one; kept while it is among the best. */
  offer(slot: number, score: number): void
  /** The lowest score that is still kept, once there are enough; minus infinity before. */
  readonly bar: number
  /** What was kept, best first. */
  sorted(): readonly Scored[]
}

/** A slot and how well it fits. */
export type Scored = { readonly slot: number; readonly score: number }

/**
 * @param limit how many to keep.
 * @param order of two slots of equal score: negative where the first is to come first. It must not depend on the slots'
 * numbers if the answer is not to depend on the order of insertion.
 */
export function topK(limit: number, order: (left: number, right: number) => number): TopK {
  // A heap with the worst on top.
  const slots: number[] = []
  const scores: number[] = []
  const isWorse = (one: number, other: number): boolean => {
    const difference = (scores[one] as number) - (scores[other] as number)
    return difference === 0 ? order(slots[one] as number, slots[other] as number) > 0 : difference < 0
  }
  const swap = (one: number, other: number): void => {
    ;[slots[one], slots[other]] = [slots[other] as number, slots[one] as number]
    ;[scores[one], scores[other]] = [scores[other] as number, scores[one] as number]
  }
  function sink(): void {
    for (let at = 0; ;) {
      const left = at * 2 + 1
      if (left >= slots.length) return
      const worse = left + 1 < slots.length && isWorse(left + 1, left) ? left + 1 : left
      if (!isWorse(worse, at)) return
      swap(at, worse)
      at = worse
    }
  }
  function rise(): void {
    for (let at = slots.length - 1; at > 0;) {
      const parent = (at - 1) >> 1
      if (!isWorse(at, parent)) return
      swap(at, parent)
      at = parent
    }
  }
  return {
    get bar() {
      return slots.length < limit ? Number.NEGATIVE_INFINITY : (scores[0] as number)
    },
    offer(slot, score) {
      if (slots.length < limit) {
        slots.push(slot)
        scores.push(score)
        rise()
      } else if (score > (scores[0] as number) || (score === scores[0] && order(slot, slots[0] as number) < 0)) {
        slots[0] = slot
        scores[0] = score
        sink()
      }
    },
    sorted: () =>
      slots
        .map((slot, at) => ({ slot, score: scores[at] as number }))
        .toSorted((left, right) => right.score - left.score || order(left.slot, right.slot)),
  }
}
