/**
 * An assistant that remembers, in four processes over one memory: it is told facts, corrected, asked, and made to forget. Each
 * process begins with nothing but what the memory has on disk. The whole is played twice, first without an embedder, then with
 * one, and in the end every byte that is left on disk is looked through.
 *
 * `npm run example assistant` plays over a SQLite file; `-- in-process` and `-- lancedb` over the others that keep files.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { KINDS } from './memory.ts'

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))
const kind = process.argv[2] ?? 'sqlite'

/** What a person says in each process. */
const conversations = [
  ['told', 'Remember: my home is in Bergen, at 14 Harbour Street.', 'Remember: nuts make me ill.'],
  ['corrected', 'Correction: my home is in Oslo now, at 3 Castle Road.'],
  ['asked', 'Where is my home?', 'In which town do I live?', 'Which nuts may go into the cake?'],
  ['made to forget', 'Forget my home.', 'Where is my home?'],
] as const

if (!KINDS.includes(kind)) {
  console.error(`There is no memory "${kind}" in this example: ${KINDS.join(', ')}.`)
  process.exitCode = 1
} else for (const embedder of ['none', 'small']) play(embedder)

function play(embedder: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'opspawn-assistant-'))
  try {
    console.log(embedder === 'none' ? 'Without an embedder, by words alone:' : '\nWith an embedder, by words and meanings:')
    for (const [what, ...lines] of conversations) {
      console.log(`${what}, in a process of its own`)
      say(folder, embedder, lines)
      // What is to be found on disk before it is forgotten: else finding nothing afterwards would tell nothing.
      if (what === 'asked') console.log(`on disk before: ${onDisk(folder)}`)
    }
    console.log(`on disk behind: ${onDisk(folder)}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Has a process of its own say something to the assistant, and ends with it. */
function say(folder: string, embedder: string, lines: readonly string[]): void {
  const program = ['--import', here('../resolve.ts'), here('./conversation.ts'), kind, folder, embedder, ...lines]
  execFileSync(process.execPath, program, { stdio: ['ignore', 'inherit', 'inherit'] })
}

/** Which words can be read in the files of a memory, however deep they lie. */
function onDisk(folder: string): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const bytes = files.map((file) => readFileSync(join(file.parentPath, file.name)))
  const told = ['Harbour', 'Castle', 'nuts'].map((word) => {
    const isThere = bytes.some((content) => content.includes(word))
    return `${word} ${isThere ? 'there' : 'nowhere'}`
  })
  return told.join(', ')
}
