import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { SetFault } from './set-fault.ts'
import type { DialogueSet, DocumentSet, Question, RecallSet, Turn } from './set.ts'

/**
 * The published sets that are found in a folder, by their own file names: `locomo10.json` (LoCoMo; its audit as `errors.json`
 * is not read), `longmemeval_*.json`, `cran.all.1400` with `cran.qry` and `cranqrel`, `CISI.ALL` with `CISI.QRY` and `CISI.REL`.
 * None of them may be redistributed, so none is here.
 *
 * @throws SetFault when the folder cannot be read or has none of them, or a file has another form
 */
export function setsIn(folder: string): readonly RecallSet[] {
  const names = namesIn(folder)
  const read = (name: string): File => {
    const bytes = readFileSync(join(folder, name))
    return {
      name,
      text: bytes.toString('utf8'),
      origin: `${name}, SHA-256 ${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`,
    }
  }
  const found: RecallSet[] = []
  if (names.includes('locomo10.json')) found.push(dialogueOf(read('locomo10.json'), locomo))
  for (const name of names.filter((one) => /^longmemeval_.*\.json$/.test(one))) found.push(dialogueOf(read(name), longMemEval))
  const smart = [
    ['Cranfield', 'cran.all.1400', 'cran.qry', 'cranqrel'],
    ['CISI', 'CISI.ALL', 'CISI.QRY', 'CISI.REL'],
  ] as const
  for (const [name, ...files] of smart) {
    const missing = files.filter((file) => !names.includes(file))
    if (missing.length === files.length) continue
    if (missing.length > 0) throw new SetFault(`${folder} has a part of ${name}, but not ${missing.join(' and ')}`)
    const [documents, queries, grades] = files.map(read) as [File, File, File]
    found.push(smartSet(name, documents, queries, grades))
  }
  if (found.length === 0) throw new SetFault(`${folder} has none of the known sets; bench/README.md names the files`)
  return found
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    throw new SetFault(`${folder} cannot be read as a folder: ${(error as Error).message}`, { cause: error })
  }
}

/** Reads a file of conversations; one of another form would else give figures about nothing. */
function dialogueOf(file: File, read: (file: File) => DialogueSet): DialogueSet {
  let set
  try {
    set = read(file)
  } catch (error) {
    throw new SetFault(`${file.name} has another form than was published: ${(error as Error).message}`, { cause: error })
  }
  for (const [what, count] of [
    ['turns', set.conversations.flatMap(({ turns }) => turns).length],
    ['questions', set.conversations.flatMap(({ questions }) => questions).length],
  ] as const)
    if (count === 0) throw new SetFault(`${file.name} has another form than was published: there are no ${what}`)
  return set
}

type File = { readonly name: string; readonly text: string; readonly origin: string }
type Loose = { readonly [key: string]: unknown }

/** Turn-level evidence; category 5 asks what was never said. Speaker, turn and the caption of its picture are one text. */
function locomo({ text, origin }: File): DialogueSet {
  const conversations = (JSON.parse(text) as readonly { conversation: Loose; qa: readonly Loose[] }[]).map(
    ({ conversation, qa }) => {
      const turns: Turn[] = Object.keys(conversation)
        .filter((key) => /^session_\d+$/.test(key))
        .toSorted((left, right) => Number(left.slice(8)) - Number(right.slice(8)))
        .flatMap((session) =>
          (conversation[session] as readonly Record<string, string>[]).map((turn) => ({
            id: String(turn['dia_id']),
            session,
            speaker: String(turn['speaker']),
            text: [turn['text'], turn['blip_caption']].filter((part) => part !== undefined).join(' '),
          })),
        )
      const known = new Set(turns.map((turn) => turn.id))
      const questions: Question[] = qa.flatMap((one) => {
        const cited = ((one['evidence'] ?? []) as readonly string[]).flatMap((part) => String(part).match(/D\d+:\d+/g) ?? [])
        const evidence = cited.filter((id) => known.has(id))
        if (one['category'] === 5) return [{ text: String(one['question']), evidence: [] }]
        return evidence.length === 0 ? [] : [{ text: String(one['question']), evidence }]
      })
      return { turns, questions }
    },
  )
  return { kind: 'dialogue', name: 'LoCoMo', origin, wanted: 'turn', conversations }
}

/** Each question has a conversation of its own; any turn of a session with the answer will do. Abstention questions end in `_abs`. */
function longMemEval({ text, origin }: File): DialogueSet {
  const conversations = (JSON.parse(text) as readonly Loose[]).map((one) => {
    const ids = one['haystack_session_ids'] as readonly string[]
    const sessions = one['haystack_sessions'] as readonly (readonly Record<string, string>[])[]
    const turns = sessions.flatMap((session, at) =>
      session.map((turn, place) => ({
        id: `${ids[at]}#${place}`,
        session: String(ids[at]),
        speaker: String(turn['role']),
        text: String(turn['content']),
      })),
    )
    const answers = new Set(one['answer_session_ids'] as readonly string[])
    const isUnsaid = String(one['question_id']).endsWith('_abs')
    const evidence = isUnsaid ? [] : turns.filter((turn) => answers.has(turn.session)).map((turn) => turn.id)
    return { turns, questions: [{ text: String(one['question']), evidence }] }
  })
  return { kind: 'dialogue', name: 'LongMemEval', origin, wanted: 'session', conversations }
}

/** The SMART form: records begin with `.I <number>`; `.T`, `.A`, `.W` are title, author, text. Queries count by their place. */
function smartSet(name: string, documents: File, queries: File, grades: File): DocumentSet {
  const judged = new Map<number, Map<string, number>>()
  for (const line of grades.text.split('\n')) {
    const [query, document, grade] = line.trim().split(/\s+/).map(Number)
    if (query === undefined || document === undefined || Number.isNaN(query) || Number.isNaN(document)) continue
    const value = gain(name, grade)
    if (value === 0) continue
    const of = judged.get(query) ?? new Map<string, number>()
    judged.set(query, of.set(String(document), value))
  }
  const set: DocumentSet = {
    kind: 'documents',
    name,
    origin: [documents, queries, grades].map((file) => file.origin).join('; '),
    documents: records(documents.text).map(({ id, fields }) => ({
      id,
      text: ['T', 'W'].map((field) => fields[field] ?? '').join(' '),
    })),
    queries: records(queries.text).flatMap(({ fields }, at) => {
      const of = judged.get(at + 1)
      return of === undefined ? [] : [{ text: fields['W'] ?? '', grades: of }]
    }),
  }
  if (set.documents.length === 0)
    throw new SetFault(`${documents.name} has another form than was published: no record begins with .I`)
  if (set.queries.length === 0) throw new SetFault(`${queries.name} and ${grades.name} have no query that was judged`)
  return set
}

/** Cranfield grades from 1 (a full answer) to 4 (of little use); -1 stands for none. CISI only names what is relevant. */
function gain(name: string, grade: number | undefined): number {
  if (name === 'CISI') return 1
  return grade === undefined || grade < 1 || grade > 4 ? 0 : 5 - grade
}

function records(text: string): readonly { readonly id: string; readonly fields: Readonly<Record<string, string>> }[] {
  return text
    .split(/^\.I\s+/m)
    .slice(1)
    .map((record) => {
      const [head = '', ...parts] = record.split(/^\.([A-Z])\s*$/m)
      const fields: Record<string, string> = {}
      for (let at = 0; at + 1 < parts.length; at += 2)
        fields[parts[at] as string] = (parts[at + 1] as string).replaceAll(/\s+/g, ' ').trim()
      return { id: String(Number(head.trim())), fields }
    })
}
