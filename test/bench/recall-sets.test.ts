/** The adapter of the recall benchmark for published sets, on tiny files in their forms, made by hand: no set is here. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { aimsOf } from '../../bench/recall/aims.ts'
import { judgeDialogue, judgeDocuments } from '../../bench/recall/judge.ts'
import type { Retriever, Text } from '../../bench/recall/retrievers/retriever.ts'
import { setsIn } from '../../bench/recall/sets/files.ts'
import type { DialogueSet, DocumentSet } from '../../bench/recall/sets/set.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function folderOf(files: Readonly<Record<string, unknown>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'opspawn-sets-'))
  folders.push(folder)
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
  return folder
}

const LOCOMO = [
  {
    sample_id: 'conv-1',
    conversation: {
      speaker_a: 'Ada',
      speaker_b: 'Ben',
      session_10_date_time: '4:00 pm on 2 June, 2023',
      session_10: [{ speaker: 'Ben', dia_id: 'D10:1', text: 'The ferry leaves at noon.' }],
      session_2_date_time: '1:56 pm on 8 May, 2023',
      session_2: [
        { speaker: 'Ada', dia_id: 'D2:1', text: 'I bought a violin.', img_url: ['x'], blip_caption: 'a photo of an old violin' },
        { speaker: 'Ben', dia_id: 'D2:2', text: 'Lovely!' },
      ],
    },
    qa: [
      { question: 'What did Ada buy?', answer: 'a violin', evidence: ['D2:1; D2:2'], category: 1 },
      { question: 'When does the ferry leave?', answer: 'noon', evidence: ['D10:1', 'D9:9'], category: 2 },
      { question: 'Which dog has Ben?', adversarial_answer: 'Rex', evidence: ['D2:2'], category: 5 },
      { question: 'What is cited nowhere?', answer: 'x', evidence: ['D'], category: 4 },
    ],
  },
]

const LONGMEMEVAL = [
  {
    question_id: 'q1',
    question_type: 'single-session-user',
    question: 'What did I buy?',
    answer: 'a violin',
    haystack_session_ids: ['s1', 's2'],
    haystack_dates: ['2023/05/20 (Sat) 02:21', '2023/05/21 (Sun) 03:00'],
    haystack_sessions: [
      [{ role: 'user', content: 'The ferry leaves at noon.' }],
      [
        { role: 'user', content: 'I bought a violin.', has_answer: true },
        { role: 'assistant', content: 'Lovely!' },
      ],
    ],
    answer_session_ids: ['s2'],
  },
  {
    question_id: 'q2_abs',
    question: 'Which dog have I?',
    haystack_session_ids: ['s3'],
    haystack_sessions: [[{ role: 'user', content: 'Hello.' }]],
    answer_session_ids: ['s3'],
  },
]

const CRANFIELD = {
  'cran.all.1400':
    '.I 1\n.T\nwings in a\nslipstream .\n.A\nbrenckman,m.\n.B\nj. ae. scs. 25, 1958, 324.\n.W\nlift of a wing .\n.I 2\n.T\nshear flow .\n.A\n.B\n.W\nviscous flow .\n',
  'cran.qry': '.I 001\n.W\nwhat lifts a\nwing .\n.I 004\n.W\nwhat is viscous .\n',
  cranqrel: '1 1 2\n1 2 -1\n2 2 1 \n\n',
}
const CISI = {
  'CISI.ALL':
    '.I 1\n.T\nEighteen Editions\n.A\nComaromi, J.P.\n.W\nA study of the Dewey classification.\n.X\n1\t5\t1\n.I 2\n.T\nOther\n.W\nNothing.\n.X\n2\t1\t2\n',
  'CISI.QRY': '.I 1\n.W\nWhat is Dewey?\n.I 2\n.T\nA title\n.W\nWhat is not judged?\n',
  'CISI.REL': '     1      1\t0\t0.000000\n',
}

/** Ranks by how many words of the query a text has: apart from all that is measured. */
const byWords: Retriever = {
  title: 'by words',
  open: (texts: readonly Text[]) => {
    const rank = (query: string, limit: number) => {
      const words = query.toLowerCase().match(/[a-z]+/g) ?? []
      const hits = texts.map(({ id, text }) => ({ id, sure: words.filter((word) => text.toLowerCase().includes(word)).length }))
      return Promise.resolve(hits.toSorted((left, right) => right.sure - left.sure).slice(0, limit))
    }
    return Promise.resolve({ rank, within: async (query) => (await rank(query, 1)).map(({ id }) => id), close: async () => {} })
  },
}

test('LoCoMo: turns in the order of sessions with captions, evidence that exists, and what was never said', async () => {
  const [set] = setsIn(folderOf({ 'locomo10.json': LOCOMO })) as [DialogueSet]
  expect(set).toMatchObject({
    kind: 'dialogue',
    name: 'LoCoMo',
    wanted: 'turn',
    origin: expect.stringMatching(/SHA-256 [0-9a-f]{16}/) as string,
  })
  const [{ turns, questions } = { turns: [], questions: [] }] = set.conversations
  expect(turns.map(({ id, session, text }) => [id, session, text])).toEqual([
    ['D2:1', 'session_2', 'I bought a violin. a photo of an old violin'],
    ['D2:2', 'session_2', 'Lovely!'],
    ['D10:1', 'session_10', 'The ferry leaves at noon.'],
  ])
  expect(questions.map(({ evidence }) => evidence)).toEqual([['D2:1', 'D2:2'], ['D10:1'], []])
  const figures = await judgeDialogue(set, byWords)
  expect(Object.keys(figures)).toEqual([
    'R@5',
    'R@10',
    'R@20',
    'MRR',
    ...[500, 1000, 2000, 4000].map((n) => `in ${n} tokens`),
    'abstention AUC',
  ])
  expect(figures).toMatchObject({ 'R@10': 1, 'in 500 tokens': 0.75 })
})

test('LongMemEval: a conversation for each question, any turn of a session with the answer will do', async () => {
  const [set] = setsIn(folderOf({ 'longmemeval_s.json': LONGMEMEVAL })) as [DialogueSet]
  expect(set).toMatchObject({ name: 'LongMemEval', wanted: 'session' })
  expect(set.conversations.map(({ questions }) => questions[0]?.evidence)).toEqual([['s2#0', 's2#1'], []])
  expect(await judgeDialogue(set, byWords)).toEqual({ 'hit@5': 1, 'abstention AUC': 1 })
})

test('Cranfield and CISI: titles and texts, queries by their place, grades as gains', async () => {
  const [cranfield, cisi] = setsIn(folderOf({ ...CRANFIELD, ...CISI })) as [DocumentSet, DocumentSet]
  expect(cranfield.documents).toEqual([
    { id: '1', text: 'wings in a slipstream . lift of a wing .' },
    { id: '2', text: 'shear flow . viscous flow .' },
  ])
  expect(cranfield.queries).toEqual([
    { text: 'what lifts a wing .', grades: new Map([['1', 3]]) },
    { text: 'what is viscous .', grades: new Map([['2', 4]]) },
  ])
  expect(cisi.queries).toEqual([{ text: 'What is Dewey?', grades: new Map([['1', 1]]) }])
  expect(await judgeDocuments(cranfield, byWords)).toEqual({ 'R@10': 1, 'nDCG@10': 1 })
})

const { 'CISI.REL': _, ...incomplete } = CISI
test.each([
  ['none of the known sets', { 'notes.txt': 'x' }],
  ['locomo10.json has another form than was published', { 'locomo10.json': '{"half' }],
  ['locomo10.json has another form than was published', { 'locomo10.json': [{ conversation: { session_1: 'x' } }] }],
  ['there are no questions', { 'locomo10.json': [{ ...LOCOMO[0], qa: [] }] }],
  ['there are no turns', { 'locomo10.json': [] }],
  ['longmemeval_m.json has another form', { 'longmemeval_m.json': [{ question: 'x' }] }],
  ['a part of CISI, but not CISI.REL', incomplete],
  ['no record begins with .I', { ...CISI, 'CISI.ALL': 'plain text' }],
  ['have no query that was judged', { ...CISI, 'CISI.REL': 'nothing' }],
])('a folder that cannot be used is refused: %s', (text, files) => {
  expect(() => setsIn(folderOf(files))).toThrow(
    expect.objectContaining({ code: 'INPUT_INVALID', message: expect.stringContaining(text) as string }) as Error,
  )
})

test('a folder that is not there is refused with its name', () => {
  expect(() => setsIn('/nowhere/at/all')).toThrow(
    expect.objectContaining({
      code: 'INPUT_INVALID',
      message: expect.stringContaining('/nowhere/at/all cannot be read') as string,
    }) as Error,
  )
})

test('aims are held against what was measured, a joined row against the better of its two', () => {
  const dialogue = new Map([
    ['opspawn in-process', { 'R@10': 0.71, 'in 1000 tokens': 0.76 }],
    ['vectors alone', { 'R@10': 0.5 }],
    ['opspawn in-process + vectors', { 'R@10': 0.699 }],
  ])
  expect(aimsOf('LoCoMo', dialogue)).toEqual([
    'opspawn in-process, R@10: 0.710, aim 0.700 or more: met',
    'opspawn in-process, in 1000 tokens: 0.760, aim 0.770 or more: missed',
    'opspawn in-process + vectors, R@10 beside the better alone: 0.699, aim 0.700 or more: missed',
  ])
  const documents = new Map([
    ['opspawn in-process', { 'nDCG@10': 0.395 }],
    ['LanceDB FTS', { 'nDCG@10': 0.399 }],
  ])
  expect(aimsOf('CISI', documents)).toEqual(['opspawn in-process, nDCG@10 beside LanceDB FTS: 0.395, aim 0.394 or more: met'])
  expect(aimsOf('generated documents', documents)).toEqual([])
})
