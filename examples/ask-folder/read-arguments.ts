import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { OpspawnError } from 'opspawn'

/** What to ask about what. */
export interface Task {
  readonly path: string
  readonly question: string
  /** Before every call. */
  readonly pauseMs: number
}

/** How to start the program. */
export const USAGE = `Ask a folder of documents.

  npm start                                        asks the documentation of opspawn a question
  npm start -- "How do approvals work?"            asks it another one
  npm start -- path/to/folder                      shows what another folder is about
  npm start -- path/to/folder "a question"         asks another folder, or one file
  npm start -- --pause 2                           waits two seconds before every call

A run is kept in a file until it has ended: when the process is killed, the same command goes on with it.

A model is used when OPENAI_API_KEY, ANTHROPIC_API_KEY, or OPENAI_BASE_URL with OPENAI_MODEL is set.`

/** Reads the command line; `undefined` when it asks for help. */
export function readArguments(values: readonly string[], env: NodeJS.ProcessEnv): Task | undefined {
  if (values.includes('--help') || values.includes('-h')) return undefined
  const docs = join(import.meta.dirname, '../../docs')
  const { pauseMs, others } = takePause(values)
  const unknown = others.find((value) => value.startsWith('--'))
  if (unknown !== undefined) throw new OpspawnError('INPUT_INVALID', `there is no option ${unknown}; --help shows what there is`)
  const [first, ...rest] = others
  if (first === undefined) return { path: docs, question: 'How does opspawn survive a crash?', pauseMs }
  // npm runs scripts in the package's folder; a path is meant from where the user stands.
  const path = resolve(env['INIT_CWD'] ?? process.cwd(), first)
  const isQuestion = rest.length === 0 && /\s|\?$/.test(first) && !existsSync(path)
  if (isQuestion) return { path: docs, question: first, pauseMs }
  return { path, question: rest.join(' ').trim() || 'What are these documents about?', pauseMs }
}

function takePause(values: readonly string[]): { readonly pauseMs: number; readonly others: readonly string[] } {
  const at = values.indexOf('--pause')
  if (at < 0) return { pauseMs: 0, others: values }
  const seconds = Number(values[at + 1])
  if (!(seconds >= 0 && seconds <= 60))
    throw new OpspawnError('INPUT_INVALID', `--pause needs a number of seconds up to 60, not ${values[at + 1] ?? 'nothing'}`)
  return { pauseMs: seconds * 1_000, others: values.toSpliced(at, 2) }
}
