/** What the example without a model quotes of this repository's own pages, when it is asked as people ask. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { node, root, runExample, startProcess } from './run-example.ts'

/** The question, and a page that must be among those that are quoted, four at most. */
const QUESTIONS: readonly (readonly [question: string, page: string])[] = [
  ['How does opspawn survive a crash?', 'explanation/guarantees.md'],
  ['How do I limit what a run may cost?', 'how-to/budgets.md'],
  ['How can a person approve a tool call?', 'explanation/security.md'],
  ['How do I cancel a run?', 'how-to/cancel-and-stop.md'],
  ['How do I test an agent without a model?', 'how-to/test-agents.md'],
  ['How often is a failed call tried again?', 'how-to/retries-and-timeouts.md'],
  ['How do I write a workflow in YAML?', 'how-to/planner-workflow.md'],
  ['Can one agent call another agent?', 'how-to/multi-agent.md'],
  ['How do I get typed output?', 'how-to/structured-output.md'],
  ['How do I keep a conversation going over several runs?', 'how-to/sessions.md'],
]

let memory: string
beforeAll(async () => {
  memory = await mkdtemp(join(tmpdir(), 'opspawn-questions-'))
})
afterAll(() => rm(memory, { recursive: true, force: true }))

it('quotes the page that answers', async () => {
  const program = join(import.meta.dirname, 'programs/ask-questions.ts')
  const args = [
    '--import',
    join(root, 'examples/resolve.ts'),
    program,
    join(root, 'docs'),
    ...QUESTIONS.map(([question]) => question),
  ]
  const { code, stdout } = await startProcess(node, args, { env: { ASK_FOLDER_MEMORY: memory } }).ended
  expect(code).toBe(0)
  const answers = JSON.parse(stdout) as readonly { readonly output: string }[]
  const cited = answers.map(({ output }) => [...output.matchAll(/^"[^]*?"\n {2}(\S+?):\d/gm)].map(([, file]) => file))
  // The question of npm start: its best passages are all on the page that is about it.
  expect(cited[0]?.[0]).toBe('explanation/guarantees.md')
  const missing = QUESTIONS.filter(([, page], at) => cited[at]?.includes(page) !== true)
  expect({ missing, cited }).toEqual({ missing: [], cited })
})

it('the second start takes nothing in again', async () => {
  const env = { ASK_FOLDER_MEMORY: memory }
  await runExample('ask-folder', [join(root, 'examples'), 'What is chaos?'], { env })
  const { stdout } = await runExample('ask-folder', [join(root, 'examples'), 'What is chaos?'], { env })
  expect(stdout).toMatch(/\nMemory {4}1 file unchanged; \d+ passages\n/)
})

it('where the memory cannot be kept, it says so and answers', async () => {
  const env = { ASK_FOLDER_MEMORY: join(root, 'package.json') }
  const { code, stdout } = await runExample('ask-folder', [join(root, 'examples'), 'What is chaos?'], { env })
  expect(stdout).toContain('Memory    1 file new; ')
  expect(stdout).toContain('It is not kept for the next time: ')
  expect(code).toBe(0)
})
