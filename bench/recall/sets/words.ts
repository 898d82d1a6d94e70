/** Words that no list of stop words or endings knows, each once. */
export function makeWords(random: () => number, count: number): readonly string[] {
  const starts = 'b br c ch d dr f fl g gr h j k kl l m n p pr qu r sh st t tr v w z'.split(' ')
  const middles = 'a e i o u ai ea ou io'.split(' ')
  const ends = 'b ck d ft g lk m mp n nd p rk rt sk t th x'.split(' ')
  const pick = (list: readonly string[]): string => list[Math.floor(random() * list.length)] as string
  const words = new Set<string>()
  while (words.size < count) {
    const syllables = 1 + Math.floor(random() * 2)
    let word = ''
    for (let at = 0; at < syllables; at += 1) word += pick(starts) + pick(middles)
    words.add(word + pick(ends))
  }
  return [...words]
}

/** Draws from a list as a language does: a few often, most seldom (Zipf). */
export function zipf<T>(random: () => number, list: readonly T[]): T {
  return list[Math.min(list.length - 1, Math.floor(list.length ** random()) - 1)] as T
}

/** One of a list, each as likely as the others. */
export function pick<T>(random: () => number, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)] as T
}

/** Some of a list, each at most once. */
export function sample<T>(random: () => number, list: readonly T[], count: number): readonly T[] {
  const left = [...list]
  return Array.from({ length: Math.min(count, left.length) }, () => left.splice(Math.floor(random() * left.length), 1)[0] as T)
}
