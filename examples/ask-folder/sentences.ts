/** A sentence of a document and where it stands. */
export interface Sentence {
  readonly text: string
  readonly from: number
  readonly to: number
  /** Sentences with the same number stand in one paragraph or list item. */
  readonly paragraph: number
}

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' })

/** Finds the sentences in numbered lines (`12: text`). Headings, tables and code are passed over. */
export function splitSentences(numbered: string): Sentence[] {
  const sentences: Sentence[] = []
  let paragraph: { text: string; line: number }[] = []
  let paragraphs = 0
  let isCode = false

  function close(): void {
    sentences.push(...sentencesOf(paragraph, paragraphs))
    paragraphs += 1
    paragraph = []
  }

  for (const entry of numbered.split('\n')) {
    const [, number = '0', text = ''] = /^(\d+): (.*)$/.exec(entry) ?? []
    const isFence = /^\s*(```|~~~)/.test(text)
    if (isFence) isCode = !isCode
    const isProse = !isFence && !isCode && text.trim() !== '' && !/^\s*(#{1,6}\s|\||<|([-=*_]\s?){3,}$)/.test(text)
    if (!isProse || /^\s*([-*+]|\d+[.)])\s/.test(text)) close()
    if (isProse) paragraph.push({ text: plain(text), line: Number(number) })
  }
  close()
  return sentences
}

function sentencesOf(lines: readonly { text: string; line: number }[], paragraph: number): Sentence[] {
  const starts: { at: number; line: number }[] = []
  let text = ''
  for (const { text: part, line } of lines) {
    if (text !== '') text += ' '
    starts.push({ at: text.length, line })
    text += part
  }
  const lineAt = (at: number): number => starts.findLast((start) => start.at <= at)?.line ?? 0
  return [...segmenter.segment(text)].map(({ segment, index }) => ({
    text: segment.trim(),
    from: lineAt(index),
    to: lineAt(index + segment.trimEnd().length - 1),
    paragraph,
  }))
}

/** The text as a reader sees it: list marks, bold marks and the targets of links taken away. */
function plain(text: string): string {
  return text
    .trim()
    .replace(/^([-*+]|\d+[.)]|>)\s+/, '')
    .replaceAll('**', '')
    .replace(/!?\[([^\]]+)\]\([^)]*\)/g, '$1')
}
