import { wordsOf } from './words.ts'

/** Texts that share this much of their runs of three words say the same. */
const SAME = 0.9

/** Makes a test that tells of one text after another whether it says something that none of those before it said. */
export function createNovelty(): (text: string) => boolean {
  const texts = new Set<string>()
  const known: ReadonlySet<string>[] = []
  return (text) => {
    if (texts.has(text)) return false
    const own = shinglesOf(text)
    if (known.some((other) => saysTheSame(own, other))) return false
    texts.add(text)
    known.push(own)
    return true
  }
}

function shinglesOf(text: string): ReadonlySet<string> {
  const words = wordsOf(text.slice(0, 4096))
  if (words.length < 3) return new Set([words.join(' ')])
  return new Set(words.slice(2).map((word, at) => `${words[at]} ${words[at + 1]} ${word}`))
}

function saysTheSame(left: ReadonlySet<string>, right: ReadonlySet<string>): boolean {
  const [small, large] = left.size < right.size ? [left, right] : [right, left]
  // As many as may be missing: most texts are told apart by their first few runs.
  let missing = Math.floor((small.size + large.size) * (1 - SAME)) - (large.size - small.size)
  if (missing < 0) return false
  for (const item of small) {
    if (large.has(item)) continue
    missing -= 1
    if (missing < 0) return false
  }
  let shared = 0
  for (const item of small) if (large.has(item)) shared += 1
  return shared / (small.size + large.size - shared) >= SAME
}
