import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import MarkdownIt from 'markdown-it'
import { describe, expect, it } from 'vitest'
import type { Block } from './block.ts'
import { readMarkdown } from './markdown.ts'

const root = join(import.meta.dirname, '../..')
const judge = new MarkdownIt({ html: true })

interface Mark {
  readonly kind: string
  readonly from: number
  readonly to: number
}

/** Headings, code and tables as another parser sees them, wherever it finds them at the outermost level. */
function judged(text: string): readonly Mark[] {
  const kinds: Readonly<Record<string, string>> = { heading_open: 'heading', fence: 'code', table_open: 'table' }
  return judge.parse(text, {}).flatMap(({ type, map, level, tag }) => {
    const kind = kinds[type]
    if (kind === undefined || map === null || level > 0) return []
    return [{ kind: kind === 'heading' ? `heading ${tag.slice(1)}` : kind, from: map[0] + 1, to: map[1] }]
  })
}

function marksOf(blocks: readonly Block[]): readonly Mark[] {
  return blocks.flatMap(({ kind, level, lines }) => {
    const [first, last] = [lines[0], lines.at(-1)]
    if (kind === 'text' || first === undefined || last === undefined) return []
    return [{ kind: kind === 'heading' ? `heading ${level}` : kind, from: first.from, to: last.to }]
  })
}

const TRICKY: Readonly<Record<string, string>> = {
  'a heading in code is none': '# A\n\n```sh\n# no\n```\n\n~~~\n# no\n```\n~~~\n\n## B',
  'code that is never closed': 'text\n\n```\n# no\n\n| a | b |\n|---|---|',
  'a longer fence': '````md\n```\n# no\n```\n````\n\n# yes',
  'headings with a line below': 'Title\n=====\n\ntwo\nlines\n---\n\ntext\n\n---\n\n- item\n---\n\n> quote\n---',
  'hashes that are no headings': '#no\n\n####### no\n\n    # no\n\n\\# no\n\n#\ttab\n\n# closed ##\n\n#',
  'tables and what only looks so':
    '| a | b |\n|---|:-:|\n| 1 | 2 |\n| 3\n\nx | y\n--- | ---\n1 | 2\n\na | b\n---\n\n| one |\n|-----|\n| 1 |',
  'a table right behind a paragraph': 'before\n| a | b |\n|---|---|\n| 1 | 2 |\nafter\n\n# H',
  'backticks within a line': '``` a ` b\n\n# yes\n\n`` ` ``',
  'line ends of other systems': '# A\r\n\r\ntext\r\n\r\n```\r\n# no\r\n```\r\n## B\r\n',
}

describe('Markdown, beside another parser', () => {
  it.each(Object.entries(TRICKY))('%s', (_, text) => {
    expect(marksOf(readMarkdown(text))).toEqual(judged(text).filter(({ from, kind }) => !isEmptyHeading(text, from, kind)))
  })

  const pages = globSync(['*.md', 'docs/**/*.md', 'examples/*.md'], { cwd: root }).filter(
    (file) => !file.includes('reference/api'),
  )

  it('finds the same in the pages of this repository', () => {
    expect(pages.length).toBeGreaterThan(50)
    for (const file of pages) {
      const text = readFileSync(join(root, file), 'utf8')
      const isWanted = ({ kind }: Mark): boolean => kind !== 'code'
      expect({ file, marks: marksOf(readMarkdown(text)).filter(isWanted) }).toEqual({
        file,
        marks: judged(text).filter(isWanted),
      })
    }
  })
})

/** A heading without a text has no lines here: it only ends what stood above. */
function isEmptyHeading(text: string, from: number, kind: string): boolean {
  return kind.startsWith('heading') && /^\s*#+\s*$/.test(text.split(/\r?\n/)[from - 1] ?? '')
}

describe('Markdown', () => {
  it('keeps every line that can be seen, with its number', () => {
    const text = '---\ntitle: T\n---\n# A\n\none\ntwo\n\n<!-- left\nout -->\n- item\n\n  more\n'
    const lines = readMarkdown(text).flatMap((block) => block.lines)
    expect(lines.map(({ from }) => from)).toEqual([1, 2, 3, 4, 6, 7, 11, 13])
    for (const line of lines.slice(4)) expect(line.text).toBe(text.split('\n')[line.from - 1])
  })

  it('makes titles readable', () => {
    const [block] = readMarkdown('## The **`lens`** of [the lamp](lamp.md) {#lens}')
    expect(block?.lines[0]?.text).toBe('The lens of the lamp')
  })

  it('finds code in a list', () => {
    const blocks = readMarkdown('- a\n\n  ```\n  # no\n\n  more\n  ```\n\n# yes\n')
    expect(blocks.map(({ kind }) => kind)).toEqual(['text', 'code', 'heading'])
  })
})
