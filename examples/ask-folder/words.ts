const STOP_WORDS: ReadonlySet<string> = new Set(
  `a about all also am an and any are as at be been but by can could did do does document documents file files folder for from
  had happen happens has have here how i if in into is it its may me my no not of on or our say says shall should so some tell
  than that the their them there these they this those to us was we were what when where which who whom whose why will with
  would you your`.split(/\s+/),
)

/** The words of a text that can be searched for, in lower case, without those that stand everywhere. */
export function searchWords(text: string): string[] {
  const words: readonly string[] =
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/\p{Ideographic}|[\p{L}\p{N}]+/gu) ?? []
  return words.filter((word) => !STOP_WORDS.has(word))
}

/** The same without their endings, so that "crashed" finds "crashes". */
export function wordStems(text: string): string[] {
  return searchWords(text).map(stem)
}

/** Takes common English endings away. */
function stem(word: string): string {
  if (word.length < 4) return word
  return word
    .replace(/(?<=..)ies$/, 'y')
    .replace(/(?<=...)(?:ing|ed|es|s|e)$/, '')
    .replace(/([^aeiou])\1$/, '$1')
}
