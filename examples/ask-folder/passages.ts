import type { Document } from './read-folder.ts'

/** A piece of a document that stands under one heading. Lines count from 1. */
export interface Passage {
  readonly file: string
  readonly from: number
  readonly to: number
  /** The headings above it, outermost first. */
  readonly headings: readonly string[]
  readonly text: string
}

/** A passage is closed at the next blank line once it is so long. */
const GOOD_LENGTH = 700
/** Text without blank lines is cut here. */
const MAX_LENGTH = 2_000

/** Splits a document at headings, and long sections between paragraphs. Positions are kept. */
export function splitPassages(document: Document): Passage[] {
  const splitter = new Splitter(document)
  for (const [index, line] of document.lines.entries()) splitter.take(line, index)
  splitter.close(document.lines.length)
  return splitter.passages
}

class Splitter {
  readonly passages: Passage[] = []
  readonly #document: Document
  readonly #headings: string[] = []
  #start = 0
  #length = 0
  /** The mark that opened a block of code, in which `#` begins no heading. */
  #fence: string | undefined

  constructor(document: Document) {
    this.#document = document
  }

  take(line: string, index: number): void {
    this.#trackFence(/^\s*(```|~~~)/.exec(line)?.[1])
    const heading = this.#fence === undefined ? /^(#{1,6})\s+(.+?)\s*#*$/.exec(line) : null
    if (heading !== null) {
      this.close(index)
      this.#start = index + 1
      this.#enter(heading[1]?.length ?? 1, heading[2] ?? '')
      return
    }
    this.#length += line.length + 1
    const isGoodPlace = line.trim() === '' && this.#fence === undefined
    if (this.#length > MAX_LENGTH || (this.#length > GOOD_LENGTH && isGoodPlace)) this.close(index + 1)
  }

  /** Ends the passage before a line; blank lines around it do not belong to it. */
  close(end: number): void {
    const lines = this.#document.lines.slice(this.#start, end)
    const first = lines.findIndex((line) => line.trim() !== '')
    if (first >= 0) {
      const from = this.#start + first
      const to = this.#start + lines.findLastIndex((line) => line.trim() !== '')
      const text = this.#document.lines.slice(from, to + 1).join('\n')
      const headings = this.#headings.filter((heading) => heading !== '')
      this.passages.push({ file: this.#document.file, from: from + 1, to: to + 1, headings, text })
    }
    this.#start = end
    this.#length = 0
  }

  #trackFence(mark: string | undefined): void {
    if (mark === undefined) return
    if (this.#fence === undefined) this.#fence = mark
    else if (this.#fence === mark) this.#fence = undefined
  }

  #enter(level: number, title: string): void {
    this.#headings.length = Math.min(this.#headings.length, level - 1)
    while (this.#headings.length < level - 1) this.#headings.push('')
    this.#headings.push(title)
  }
}
