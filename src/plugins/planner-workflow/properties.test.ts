/** What holds of every document: of any shape, near every limit, and however it is damaged. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { defineTool, isRecorded, type Json, type RunEvent } from '../../core/index.ts'
import { createOrchestrator } from '../../index.ts'
import { loadWorkflow, parseWorkflow, taskStates, WORKFLOW_LIMITS, type WorkflowProblem } from './index.ts'

type Task = Record<string, Json>

/** Fails where its input says so; so often in a row as `failures` says, then it works. */
const calls = new Map<string, number>()
const work = defineTool({
  name: 'work',
  description: 'Works.',
  input: { type: 'object' },
  effect: 'pure',
  retry: { attempts: 1 },
  execute: (input, { key, runId }) => {
    const id = `${runId} ${key}`
    calls.set(id, (calls.get(id) ?? 0) + 1)
    if ((input as { fails?: boolean }).fails === true) throw new Error('as it was told')
    return { done: key }
  },
})

const oneTask = fc.record({
  kind: fc.constantFrom('tool', 'tool', 'tool', 'sleep', 'signal'),
  fails: fc.integer({ min: 0, max: 3 }).map((drawn) => drawn === 0),
  needs: fc.array(fc.nat({ max: 11 }), { maxLength: 3 }),
  join: fc.constantFrom('all', 'all', 'any', 'settled'),
  failure: fc.constantFrom('fail', 'skip', 'continue'),
  fan: fc.option(fc.nat({ max: 5 }), { freq: 4 }),
  concurrency: fc.integer({ min: 1, max: 3 }),
  retry: fc.option(fc.integer({ min: 1, max: 3 }), { freq: 3 }),
  condition: fc.option(fc.constantFrom('completed', 'failed', 'skipped'), { freq: 4 }),
  undo: fc.option(fc.boolean(), { freq: 3 }),
})
type Drawn = typeof oneTask extends fc.Arbitrary<infer T> ? T : never

/** A sound document: tasks need only earlier ones. */
const soundDocument = fc.array(oneTask, { minLength: 1, maxLength: 12 }).map((drawn) => {
  const tasks: Record<string, Task> = {}
  for (const [at, one] of drawn.entries()) Object.assign(tasks, tasksOf(one, at))
  return { name: 'drawn', tasks }
})

function tasksOf(drawn: Drawn, at: number): Record<string, Task> {
  const { kind, fails, join, failure, fan, concurrency, retry, condition, undo } = drawn
  const needs = [...new Set(drawn.needs.filter((need) => need < at))].map((need) => `t${need}`)
  const isCall = kind === 'tool'
  const what: Task =
    kind === 'tool'
      ? { tool: 'work', with: { fails } }
      : kind === 'sleep'
        ? { sleep: '1ms' }
        : { signal: { name: `s${at}`, deadline: '2ms' } }
  const made: Record<string, Task> = {
    [`t${at}`]: {
      ...what,
      failure,
      ...(needs.length === 0 ? undefined : { needs, join }),
      ...(fan === null ? undefined : { forEach: Array.from({ length: fan }, (_, item) => item), concurrency }),
      ...(retry === null || !isCall ? undefined : { retry: { attempts: retry, backoff: '0ms' } }),
      ...(condition === null || needs[0] === undefined ? undefined : { if: `tasks.${needs[0]}.status == "${condition}"` }),
      ...(undo === null ? undefined : { onFailure: `u${at}` }),
    },
  }
  if (undo !== null) made[`u${at}`] = { tool: 'work', with: { fails: undo } }
  return made
}

/** The same documents each time; another seed tries others. */
fc.configureGlobal({ seed: Number(process.env['OPSPAWN_SEED'] ?? 20_261_121) })

describe('a graph of any shape', () => {
  test('is sound, and runs to its end with every task settled and every effect settled once', async () => {
    await fc.assert(
      fc.asyncProperty(soundDocument, async (document) => {
        calls.clear()
        const workflow = await loadWorkflow(document, { tools: [work] })
        const ops = await createOrchestrator({ agents: [workflow], announce: false })
        try {
          const run = await ops.start(workflow, null)
          const { status } = await run.result
          const events: RunEvent[] = []
          for await (const event of run.events()) if (isRecorded(event)) events.push(event)
          expect(['completed', 'failed']).toContain(status)
          requireSettledOnce(events)
          for (const count of calls.values()) expect(count).toBe(1)
          // What has no turn: compensations of a run that went well, and tasks behind one that failed the run.
          const over = ['completed', 'failed', 'skipped', ...(status === 'completed' ? [] : ['cancelled', 'pending'])]
          const left = taskStates(workflow, events).filter(({ name, status: stands }) => {
            if (name.startsWith('t')) return !over.includes(stands)
            return !['completed', 'failed', 'skipped', 'pending'].includes(stands)
          })
          expect(left).toEqual([])
        } finally {
          await ops.close()
        }
      }),
      { numRuns: 150 },
    )
  })
})

function requireSettledOnce(events: readonly RunEvent[]): void {
  const asked = events.flatMap((event) => (event.type === 'decision' ? event.effects.map(({ key }) => key) : []))
  const ended = events.flatMap((event) => (event.type === 'effect-end' ? [event.key] : []))
  expect(new Set(asked).size).toBe(asked.length)
  expect(ended.toSorted()).toEqual(asked.toSorted())
}

const RULES: readonly string[] =
  'syntax limit forbidden duplicate-key unknown-key missing-key type task-kind needs cycle compensation unknown-tool unknown-agent duration expression-syntax expression-limit expression-name expression-path expression-type'.split(
    ' ',
  )

/** What is not as it should be about problems: without rule, words, path, or a place in the text. */
function uncoded(problems: readonly WorkflowProblem[], text: string | undefined): readonly WorkflowProblem[] {
  const lines = text?.split('\n')
  const isPlaced = ({ line = 0, column = 0 }: WorkflowProblem): boolean =>
    lines === undefined || (lines[line - 1] !== undefined && column >= 1 && column <= (lines[line - 1] ?? '').length + 1)
  return problems.filter((problem) => {
    const { rule, message, path } = problem
    // The line that counts the problems that are not listed has no place.
    if (rule === 'limit' && /^and \d+ more problems/.test(message)) return false
    return !RULES.includes(rule) || message.length < 6 || (path !== '' && !path.startsWith('/')) || !isPlaced(problem)
  })
}

/** Reads what may be anything, and says what is wrong with the answer. */
async function look(source: unknown): Promise<unknown> {
  const { workflow, problems = [] } = await parseWorkflow(source, { tools: [work] })
  if (workflow === undefined && problems.length === 0) return 'neither a workflow nor a problem'
  return uncoded(problems, typeof source === 'string' ? source : undefined)
}

/** Full of what documents may have, so that damage meets all of it. */
const FULL = stringify({
  name: 'full',
  description: 'everything',
  input: { type: 'object', required: ['topic'], properties: { topic: { type: 'string' }, list: { type: 'array' } } },
  tasks: {
    search: { tool: 'work', with: { query: '${{ input.topic }}' }, retry: { attempts: 3, backoff: '1s' }, onFailure: 'undo' },
    read: {
      needs: 'search',
      forEach: '${{ input.list }}',
      tool: 'work',
      with: { item: '${{ item }}', at: '${{ index }}' },
      concurrency: 2,
    },
    ask: { needs: ['read'], approval: { question: 'May ${{ input.topic }}?', deadline: '2d' } },
    wait: { needs: ['ask', 'read'], join: 'any', signal: { name: 'go', deadline: '1h' }, failure: 'continue' },
    rest: { needs: 'wait', if: 'tasks.ask.output.approved && size(input.list) > 1', sleep: '90s' },
    undo: { tool: 'work', with: { why: '${{ failure.message }}' } },
  },
  output: { found: '${{ tasks.search.output }}' },
})

const damage = fc.oneof(
  fc.record({ type: fc.constant('cut' as const), at: fc.nat(), length: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ type: fc.constant('put' as const), at: fc.nat(), text: fc.string({ minLength: 1, maxLength: 6, unit: 'binary' }) }),
  fc.record({
    type: fc.constant('put' as const),
    at: fc.nat(),
    text: fc.constantFrom(
      '\n',
      '  ',
      '\t',
      ': ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '#',
      '&a ',
      '*a',
      '!!x ',
      '${{',
      '}}',
      '|',
      '>',
      '---\n',
      '? ',
      '\r',
      '\u0000',
      '\ud800',
    ),
  }),
  fc.record({ type: fc.constant('double' as const), at: fc.nat(), length: fc.integer({ min: 1, max: 80 }) }),
  fc.record({ type: fc.constant('swap' as const), at: fc.nat(), other: fc.nat() }),
)

type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never

function damaged(text: string, one: Damage): string {
  const at = one.at % (text.length + 1)
  switch (one.type) {
    case 'cut':
      return text.slice(0, at) + text.slice(at + one.length)
    case 'put':
      return text.slice(0, at) + one.text + text.slice(at)
    case 'double':
      return text.slice(0, at + one.length) + text.slice(at)
    case 'swap': {
      const lines = text.split('\n')
      const [left, right] = [one.at % lines.length, one.other % lines.length]
      const [first = '', second = ''] = [lines[left], lines[right]]
      lines[left] = second
      lines[right] = first
      return lines.join('\n')
    }
  }
}

describe('a damaged document', () => {
  test('in text is sound, or has coded problems with places; nothing is thrown', async () => {
    expect((await parseWorkflow(FULL, { tools: [work] })).problems).toBeUndefined()
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (damages) => {
        expect(await look(damages.reduce(damaged, FULL))).toEqual([])
      }),
      { numRuns: 1500 },
    )
  })

  test('as data too', async () => {
    const whole = (await loadWorkflow(FULL, { tools: [work] })).planner.document as unknown as Json
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(), fc.option(fc.jsonValue({ maxDepth: 3 }))), { minLength: 1, maxLength: 3 }),
        async (changes) => {
          const data = structuredClone(whole)
          for (const [place, value] of changes) change(data, place, value as Json)
          expect(await look(data)).toEqual([])
        },
      ),
      { numRuns: 1500 },
    )
  })
})

/** Takes a member out, or puts another value in its place. */
function change(data: Json, place: number, value: Json | null): void {
  const places: (readonly [holder: Record<string, Json>, key: string])[] = []
  const visit = (holder: Json): void => {
    if (typeof holder !== 'object' || holder === null) return
    for (const [key, member] of Object.entries(holder)) {
      places.push([holder as Record<string, Json>, key])
      visit(member as Json)
    }
  }
  visit(data)
  const found = places[place % places.length]
  if (found === undefined) return
  const [holder, key] = found
  if (value !== null) holder[key] = value
  else if (Array.isArray(holder)) holder.splice(Number(key), 1)
  else delete holder[key]
}

/** A number at a limit, or some steps from it. */
const near = (limit: number, by: number): fc.Arbitrary<number> => fc.integer({ min: limit - by, max: limit + by })

describe('near a limit', () => {
  const { tasks: mostTasks, depth, source, fanOut } = WORKFLOW_LIMITS
  const rulesOf = async (given: unknown): Promise<readonly string[]> => [
    ...new Set(((await parseWorkflow(given, { tools: [work] })).problems ?? []).map(({ rule }) => rule)),
  ]

  test('as many tasks are taken as the limit says', async () => {
    await fc.assert(
      fc.asyncProperty(near(mostTasks, 3), async (count) => {
        const tasks = Object.fromEntries(Array.from({ length: count }, (_, at) => [`t${at}`, { sleep: '1s' }]))
        expect(await rulesOf({ name: 'many', tasks })).toEqual(count > mostTasks ? ['type'] : [])
      }),
      { numRuns: 8 },
    )
  })

  test('values are nested as deep as the limit says, in text and in data', async () => {
    await fc.assert(
      fc.asyncProperty(near(depth, 6), fc.boolean(), async (levels, isText) => {
        // The document, its tasks, the task and `with` are the levels around it.
        const inner = levels - 4
        const nested = JSON.parse(`${'['.repeat(inner)}${']'.repeat(inner)}`) as Json
        const document = { name: 'deep', tasks: { t: { tool: 'work', with: { nested } } } }
        const rules = await rulesOf(isText ? JSON.stringify(document) : document)
        expect(rules).toEqual(levels <= depth ? [] : [isText ? 'limit' : 'syntax'])
      }),
      { numRuns: 40 },
    )
  })

  test('a text is as long as the limit says', async () => {
    await fc.assert(
      fc.asyncProperty(near(source, 3), async (length) => {
        const begin = 'name: long\ntasks: { t: { sleep: 1s } }\n# '
        expect(await rulesOf(begin.padEnd(length, 'x'))).toEqual(length > source ? ['limit'] : [])
      }),
      { numRuns: 8 },
    )
  })

  test('anchors and aliases are refused wherever they stand', async () => {
    const lines = FULL.split('\n').flatMap((line, at) => (/: \S/.test(line) ? [at] : []))
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...lines), fc.constantFrom('&a ', '*a ', '&a *a '), async (at, sign) => {
        const text = FULL.split('\n')
          .map((line, index) => (index === at ? line.replace(': ', `: ${sign}`) : line))
          .join('\n')
        expect(await rulesOf(text)).toContain('syntax')
      }),
      { numRuns: 60 },
    )
  })

  test('a fan-out is as wide as the limit says, and one that is wider begins nothing', async () => {
    const workflow = await loadWorkflow(
      { name: 'wide', tasks: { t: { tool: 'work', forEach: '${{ input }}', with: {} } } },
      { tools: [work] },
    )
    await fc.assert(
      fc.asyncProperty(near(fanOut, 2), async (width) => {
        calls.clear()
        const ops = await createOrchestrator({ agents: [workflow], announce: false })
        try {
          const { status } = await (
            await ops.start(
              workflow,
              Array.from({ length: width }, () => 0),
            )
          ).result
          expect([status, calls.size]).toEqual(width > fanOut ? ['failed', 0] : ['completed', width])
        } finally {
          await ops.close()
        }
      }),
      { numRuns: 5 },
    )
  })
})
