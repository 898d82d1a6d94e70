/** Characters that a reader does not see, or that change the order in which text is read; line breaks and tabs are kept. */
const HIDDEN = /[\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Default_Ignorable_Code_Point}]|(?![\t\n])\p{Cc}/gu

/** Whether a text has characters that are not seen: control, zero-width, bidi, tags. */
export function hasHidden(text: string): boolean {
  HIDDEN.lastIndex = 0
  return HIDDEN.test(text)
}

/** A text without what is not seen, cut to `most` characters. */
export function cleanText(text: string, most: number): string {
  const plain = text.replaceAll('\r\n', '\n').replaceAll(HIDDEN, '').trim()
  return plain.length > most ? `${plain.slice(0, most - 1)}…` : plain
}

/** A text as people can see all of it: hidden characters as `\u{200b}`. */
export function visibleText(text: string): string {
  return text.replaceAll(HIDDEN, (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`)
}
