import { STOP_WORDS } from './stop-words.ts'

const ASCII = /^\p{ASCII}*$/u
const ASCII_WORD = /[a-z0-9]+/g
const WORD = /[\p{L}\p{N}]+/gu
/** Scripts that put no blanks between words. */
const UNSPACED =
  /[\p{Script_Extensions=Han}\p{Script_Extensions=Hiragana}\p{Script_Extensions=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]+/gu
const APOSTROPHE = /['’](?=\p{L})/gu
const MARKS = /\p{M}+/gu

/**
 * The words of a text as they are indexed: lower case, without accents, in Unicode's compatibility form; English endings
 * taken off; of scripts without blanks every two neighbouring characters. Stop words are left out (they rank nothing: on
 * conversations keeping them costs five points of recall), unless there is nothing else. In order, repetitions kept.
 */
export function wordsOf(text: string): readonly string[] {
  const all = ASCII.test(text) ? asciiWords(text) : unicodeWords(text)
  const telling = all.filter((word) => !STOP_WORDS.has(word))
  return (telling.length > 0 ? telling : all).map(stem)
}

function asciiWords(text: string): readonly string[] {
  const plain = text.includes("'") ? text.replaceAll(APOSTROPHE, '') : text
  return plain.toLowerCase().match(ASCII_WORD) ?? []
}

function unicodeWords(text: string): readonly string[] {
  const folded = text.replaceAll(APOSTROPHE, '').normalize('NFKD').replaceAll(MARKS, '').toLowerCase().normalize('NFKC')
  const words: string[] = []
  for (const [run] of folded.matchAll(WORD)) {
    let end = 0
    for (const match of run.matchAll(UNSPACED)) {
      if (match.index > end) words.push(run.slice(end, match.index))
      words.push(...pairsOf(match[0]))
      end = match.index + match[0].length
    }
    if (end < run.length) words.push(run.slice(end))
  }
  return words
}

function pairsOf(run: string): readonly string[] {
  const characters = Array.from(run)
  if (characters.length < 3) return [run]
  return characters.slice(1).map((character, at) => `${characters[at]}${character}`)
}

/** Takes the commonest English endings off, so that `plan`, `plans`, `planned` and `planning` are one word. */
export function stem(word: string): string {
  if (word.length < 4 || !ASCII.test(word)) return word
  const root = withoutVerbEnding(withoutPlural(word))
  return root.endsWith('e') && root.length > 3 ? root.slice(0, -1) : root
}

function withoutPlural(word: string): string {
  if (word.endsWith('ies') && word.length > 4) return `${word.slice(0, -3)}y`
  if (word.endsWith('sses')) return word.slice(0, -2)
  return word.endsWith('s') && !/[sui]s$/.test(word) ? word.slice(0, -1) : word
}

function withoutVerbEnding(word: string): string {
  if (word.endsWith('ing') && word.length > 5) return single(word.slice(0, -3))
  return word.endsWith('ed') && word.length > 4 ? single(word.slice(0, -2)) : word
}

/** One letter for two at the end: `plann` is `plan`; `ll`, `ss` and `zz` belong to many words themselves. */
function single(root: string): string {
  const last = root.at(-1) as string
  return root.at(-2) === last && !'lszaeiou'.includes(last) ? root.slice(0, -1) : root
}
