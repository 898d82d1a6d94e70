import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** What to ask about what. */
export interface Task {
  readonly path: string
  readonly question: string
}

/** How to start the program. */
export const USAGE = `Ask a folder of documents.

  npm start                                        asks the documentation of opspawn a question
  npm start -- "How do approvals work?"            asks it another one
  npm start -- path/to/folder                      shows what another folder is about
  npm start -- path/to/folder "a question"         asks another folder, or one file

A model is used when OPENAI_API_KEY, ANTHROPIC_API_KEY, or OPENAI_BASE_URL with OPENAI_MODEL is set.`

/** Reads the command line; `undefined` when it asks for help. */
export function readArguments(values: readonly string[], env: NodeJS.ProcessEnv): Task | undefined {
  if (values.includes('--help') || values.includes('-h')) return undefined
  const docs = join(import.meta.dirname, '../../docs')
  const [first, ...rest] = values
  if (first === undefined) return { path: docs, question: 'How does opspawn survive a crash?' }
  // npm runs scripts in the package's folder; a path is meant from where the user stands.
  const path = resolve(env['INIT_CWD'] ?? process.cwd(), first)
  const isQuestion = rest.length === 0 && /\s|\?$/.test(first) && !existsSync(path)
  if (isQuestion) return { path: docs, question: first }
  return { path, question: rest.join(' ').trim() || 'What are these documents about?' }
}
