import { defineTool, type MemoryHandle, OpspawnError, type Tool } from 'opspawn'
import { passageOf } from 'opspawn/documents'
import { z } from 'zod'
import { countWords, type WordCounts } from './count-words.ts'
import type { Folder } from './read-folder.ts'
import { searchWords } from './words.ts'

/** What `list_files` gives. */
export interface FileList {
  readonly files: readonly { readonly file: string; readonly lines: number; readonly title: string }[]
  readonly total: number
}

/** What `search_passages` gives. */
export interface SearchResult {
  readonly hits: readonly {
    readonly file: string
    readonly from: number
    readonly to: number
    readonly headings: string
    readonly text: string
    /** From 0 to 1; comparable within one search. */
    readonly score: number
  }[]
  readonly passages: number
  /** The words searched for, and how many passages hold each. */
  readonly words: { readonly [word: string]: number }
}

/** What `read_file` gives: lines as `12: text`. */
export interface FilePart {
  readonly file: string
  readonly from: number
  readonly to: number
  readonly totalLines: number
  readonly text: string
}

const MAX_FILES = 200
const MAX_LINES = 200
const MAX_LINE_LENGTH = 1_000
const MAX_SNIPPET_LENGTH = 600

/** None of the tools changes anything, so any of them may run again; what they give is the user's own, written by anybody. */
const common = { effect: 'pure', labels: ['private', 'untrusted'] } as const

/** The tools over one folder, and the memory that was made of it. */
export function folderTools(folder: Folder, memory: MemoryHandle): readonly Tool[] {
  const byName = new Map(folder.documents.map((document) => [document.file, document]))
  let counting: Promise<WordCounts> | undefined

  const listFiles = defineTool({
    ...common,
    name: 'list_files',
    description: 'Lists the documents of the folder with their number of lines and their title.',
    input: z.object({}),
    execute(): FileList {
      const files = folder.documents.slice(0, MAX_FILES).map(({ file, lines }) => ({
        file,
        lines: lines.length,
        title: (lines.find((line) => line.trim() !== '') ?? '').replace(/^#+\s*/, '').slice(0, 100),
      }))
      return { files, total: folder.documents.length }
    },
  })

  const searchPassages = defineTool({
    ...common,
    name: 'search_passages',
    description: 'Finds the passages that fit a question or some words best. Gives file, line numbers and the text of each.',
    input: z.object({
      query: z.string().min(1).max(1_000),
      limit: z.number().int().min(1).max(20).default(8),
    }),
    async execute({ query, limit }, { signal }): Promise<SearchResult> {
      counting ??= countWords(memory, signal)
      const counts = await counting
      // Another spelling stands for a word that stands nowhere.
      const asked = searchWords(query).map((word) => (counts.count(word) > 0 ? word : (counts.similar(word) ?? word)))
      const { items } = await memory.recall(`${query} ${asked.join(' ')}`, { budget: { items: limit, tokens: 100_000 }, signal })
      const hits = items.flatMap(({ record, score }) => {
        const passage = passageOf(record)
        if (passage === undefined) return []
        const { document, from, to, headings, text } = passage
        return [{ file: document, from, to, headings: headings.join(' › '), text: cut(text, MAX_SNIPPET_LENGTH), score }]
      })
      const words = Object.fromEntries(asked.map((word) => [word, counts.count(word)]))
      return { hits, passages: counts.passages, words }
    },
  })

  const readFile = defineTool({
    ...common,
    name: 'read_file',
    description: `Reads lines of a document, at most ${MAX_LINES} at once. Each line comes as "number: text".`,
    input: z.object({
      file: z.string().describe('As given by list_files or search_passages'),
      from: z.number().int().min(1).default(1),
      to: z.number().int().min(1).optional(),
    }),
    execute({ file, from, to }): FilePart {
      // Only what was read from the folder is there to be found: a path such as ../secret leads nowhere.
      const document = byName.get(file)
      if (document === undefined)
        throw new OpspawnError('INPUT_INVALID', `the folder has no document "${file}"; list_files gives those that can be read`)
      const last = Math.min(to ?? Infinity, from + MAX_LINES - 1, document.lines.length)
      const text = document.lines.slice(from - 1, last).map((line, at) => `${from + at}: ${cut(line, MAX_LINE_LENGTH)}`)
      return { file, from, to: last, totalLines: document.lines.length, text: text.join('\n') }
    },
  })

  return [listFiles, searchPassages, readFile]
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text
}
