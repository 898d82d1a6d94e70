/** What holds of every document near a limit. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Json } from '../../core/index.ts'
import { createOrchestrator } from '../../index.ts'
import { loadWorkflow, parseWorkflow, WORKFLOW_LIMITS } from './index.ts'
import { calls, FULL, work } from '../../../test/fixtures/drawn-documents.ts'

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
