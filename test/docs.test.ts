/** The documentation is held against the source; scripts/docs-check.ts says how. */
import { expect, test } from 'vitest'
import { checkBudgets, checkLengths } from '../scripts/budgets.ts'
import {
  checkEvents,
  checkGenerated,
  checkLimits,
  checkLinks,
  checkPluginPages,
  checkSnippets,
  checkStatus,
  snippets,
} from '../scripts/docs-check.ts'

test.each([
  ['relative links and anchors lead somewhere', checkLinks],
  ['CONTRIBUTING and AGENTS are short enough to be obeyed', checkLengths],
  ['sources are inside the budgets of CONTRIBUTING, and every page tells the same ones', checkBudgets],
  ['generated parts are what the source says', () => checkGenerated(false)],
  ['events.md names every event with its fields', checkEvents],
  ['status.md names every legal change', checkStatus],
  ['limits.md names every number with its default', checkLimits],
  ['every plugin has a page of its name', checkPluginPages],
])('%s', (_, check) => {
  expect(check()).toEqual([])
})

test('programs in the pages compile, run offline, and print what the pages say', async () => {
  expect(snippets().length).toBeGreaterThan(20)
  expect(await checkSnippets()).toEqual([])
})
