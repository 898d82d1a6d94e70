/** What holds of every document, however it is damaged. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Json } from '../../core/index.ts'
import { loadWorkflow, parseWorkflow, type WorkflowProblem } from './index.ts'
import { FULL, work } from '../../../test/fixtures/drawn-documents.ts'

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
