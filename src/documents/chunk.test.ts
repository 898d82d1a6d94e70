import { describe, expect, it } from 'vitest'
import { seededRandom } from '../testing/index.ts'
import { type Chunk, chunkBlocks } from './chunk.ts'
import { readMarkdown } from './markdown.ts'
import { readPlainText } from './plain-text.ts'

const countTokens = (text: string): number => Math.ceil(text.length / 4)

function cut(text: string, chunkTokens = 64, overlapTokens = 0): readonly Chunk[] {
  return chunkBlocks(readMarkdown(text), { chunkTokens, overlapTokens, countTokens })
}

const SENTENCE = 'The keeper cleans the lens of the lamp every morning.'

describe('chunks', () => {
  it('carry the path of their headings, and never reach over one', () => {
    const text = `# House\n\nIntro.\n\n## Lamp\n\n### Oil\n\nOn Mondays.\n\n## Log\n\nDaily.\n\n# Yard\n\nWide.\n`
    expect(cut(text).map(({ headings, text: body, from }) => [headings.join('/'), body, from])).toEqual([
      ['House', 'Intro.', 3],
      ['House/Lamp/Oil', 'On Mondays.', 9],
      ['House/Log', 'Daily.', 13],
      ['Yard', 'Wide.', 17],
    ])
  })

  it('forget no heading: a title that nothing stands under is a text itself', () => {
    const chunks = cut('# Questions\n\n## Is it lit?\n\n## Is it safe?\n\nYes.\n\n## Why?\n')
    expect(chunks.map(({ text, from }) => [text, from])).toEqual([
      ['Is it lit?', 3],
      ['Yes.', 7],
      ['Why?', 9],
    ])
  })

  it('are as long as they may be, and hold every line once', () => {
    const text = Array.from({ length: 40 }, (_, at) => `${SENTENCE} (${at})`).join('\n\n')
    const chunks = cut(text)
    for (const chunk of chunks) expect(countTokens(chunk.text)).toBeLessThanOrEqual(68)
    const found = chunks.flatMap((chunk) => chunk.text.split('\n\n'))
    expect(found).toEqual(text.split('\n\n'))
    for (const [at, chunk] of chunks.entries()) expect(chunk.from).toBe((chunks[at - 1]?.to ?? -1) + 2)
  })

  it('say the end of the one before again, where an overlap is asked for', () => {
    const text = Array.from({ length: 9 }, (_, at) => `${SENTENCE} (${at})`).join('\n\n')
    const [first, second] = cut(text, 64, 20)
    const last = first?.text.split('\n\n').at(-1) ?? 'nothing'
    expect(second?.text.startsWith(last)).toBe(true)
    expect(second?.from, 'the position is that of what is new').toBeGreaterThan(first?.to ?? Infinity)
  })

  it('do not tear code or a table, unless it is very long; then every part has its frame', () => {
    const rows = (count: number): string =>
      Array.from({ length: count }, (_, at) => `| ${at} | some words of row ${at} |`).join('\n')
    const table = `| nr | words |\n|---|---|\n${rows(20)}`
    const [whole] = cut(`# T\n\n${SENTENCE}\n\n${table}\n`).slice(1)
    expect(whole?.text).toBe(table)
    const torn = cut(`# T\n\n| nr | words |\n|---|---|\n${rows(100)}\n`)
    expect(torn.length).toBeGreaterThan(5)
    for (const { text, from, to } of torn) {
      expect(text.startsWith('| nr | words |\n|---|---|\n| ')).toBe(true)
      expect(text.split('\n').length - 2, 'the position is that of the rows').toBe(to - from + 1)
    }
    const code = cut(`\`\`\`ts\n${Array.from({ length: 100 }, (_, at) => `const name${at} = ${at}`).join('\n')}\n\`\`\``)
    expect(code.length).toBeGreaterThan(2)
    for (const { text } of code) expect(text).toMatch(/^```ts\n[^`]+\n```$/)
  })

  it('cut a line without end between sentences, words, and last of all characters', () => {
    const prose = chunkBlocks(readPlainText(`${SENTENCE} `.repeat(50)), { chunkTokens: 32, overlapTokens: 0, countTokens })
    for (const { text, from, to } of prose) {
      expect([from, to]).toEqual([1, 1])
      expect(text.endsWith('.')).toBe(true)
    }
    expect(prose.map(({ text }) => text).join(' ')).toBe(`${SENTENCE} `.repeat(50).trim())
    const smileys = chunkBlocks(readPlainText('😀'.repeat(500)), { chunkTokens: 16, overlapTokens: 0, countTokens })
    expect(smileys.map(({ text }) => text).join('')).toBe('😀'.repeat(500))
    for (const { text } of smileys) expect(text.isWellFormed()).toBe(true)
  })

  it('end for whatever text, and lose no word of it', () => {
    const random = seededRandom(11)
    const parts = ['# A', '## B', '', 'word', '| a | b |', '|---|---|', '```', '- item', '<p>', '====', '---', 'x'.repeat(400)]
    for (let seed = 0; seed < 300; seed += 1) {
      const lines = Array.from({ length: 30 }, () => parts[Math.floor(random() * parts.length)] ?? '')
      const text = lines.join('\n')
      const all = cut(text, 16, seed % 2 === 0 ? 0 : 8)
      const said = all.flatMap((chunk) => [...chunk.headings, chunk.text]).join('\n')
      for (const word of ['word', 'item']) expect([text, said.includes(word)]).toEqual([text, text.includes(word)])
      for (const { from, to } of all) expect([text, from >= 1 && to >= from && to <= lines.length]).toEqual([text, true])
    }
  })
})
