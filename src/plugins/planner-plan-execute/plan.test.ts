import { expect, test } from 'vitest'
import { scriptedHistory } from '../../testing/planner-history.ts'
import { scenarioDefinition } from '../../testing/planner-scenarios.ts'
import { type ParsedPlan, parsePlan } from './plan.ts'

const run = scriptedHistory(scenarioDefinition, { name: 'test' }).view
const parse = (plan: unknown, done: readonly string[] = []): ParsedPlan =>
  parsePlan(run, typeof plan === 'string' ? plan : JSON.stringify(plan), { maxSteps: 3, done })

const search = { id: 'a', goal: 'find', tool: 'web.search', input: { query: 'x' } }

test.each([
  [
    'the plain form',
    {
      steps: [
        { id: 'a', goal: 'find', tool: 'web_search', input: { query: 'x' } },
        { id: 'b', goal: 'say' },
      ],
    },
    [search, { id: 'b', goal: 'say' }],
  ],
  ['a bare list', [{ id: 'a', goal: 'say' }], [{ id: 'a', goal: 'say' }]],
  ['a fence and prose', 'My plan:\n```json\n{"steps": [{"id": "a", "goal": "say"}]}\n```\nShall I?', [{ id: 'a', goal: 'say' }]],
  ['prose with braces before it', 'A {good} plan [1]? {"steps": [{"goal": "say"}]} indeed', [{ id: '1', goal: 'say' }]],
  ['titles, numbers for ids, nulls', { steps: [{ id: 7, title: 'say', tool: null, input: null }] }, [{ id: '7', goal: 'say' }]],
  [
    'no ids',
    { steps: [{ goal: 'a' }, { goal: 'b' }] },
    [
      { id: '1', goal: 'a' },
      { id: '2', goal: 'b' },
    ],
  ],
  ['a tool without goal and input', { steps: [{ tool: 'note' }] }, [{ id: '1', goal: 'call note', tool: 'note', input: {} }]],
  ['empty input without a tool', { steps: [{ goal: 'a', input: {} }] }, [{ id: '1', goal: 'a' }]],
])('reads a plan with %s', (_name, plan, steps) => {
  expect(parse(plan)).toEqual({ steps })
})

test('a step may refer to earlier steps, also of earlier plans', () => {
  const steps = [
    { tool: 'note', input: { a: '{{steps.old.output}}' } },
    { tool: 'note', input: { a: ['{{steps.1.output/x}}'] } },
  ]
  expect(parse({ steps }, ['old'])).toHaveProperty('steps')
  expect(parse({ steps })).toEqual({ problem: 'step 1: {{steps.old.output}} refers to no output of a step before it' })
})

test.each([
  ['no JSON', 'First I search, then I answer.', /no JSON/],
  ['JSON of another form', { plan: [] }, /no JSON/],
  ['half a plan', '{"steps": [{"goal": "a"}, {"go', /no JSON/],
  ['no steps', { steps: [] }, /no steps/],
  ['too many steps', { steps: [{ goal: 'a' }, { goal: 'b' }, { goal: 'c' }, { goal: 'd' }] }, /at most 3/],
  ['a step that is a text', { steps: ['search'] }, /a step is an object/],
  ['a bad id', { steps: [{ id: '../x', goal: 'a' }] }, /an id is/],
  ['an id that is an object', { steps: [{ id: {}, goal: 'a' }] }, /an id is/],
  [
    'the same id twice',
    {
      steps: [
        { id: 'a', goal: 'a' },
        { id: 'a', goal: 'b' },
      ],
    },
    /step 2: the id "a" is taken/,
  ],
  ['no goal', { steps: [{ id: 'a' }] }, /needs a "goal"/],
  ['an empty goal', { steps: [{ goal: ' ' }] }, /needs a "goal"/],
  ['an unknown tool', { steps: [{ goal: 'a', tool: 'hammer' }] }, /no tool "hammer"; the tools are: web_search, note/],
  ['a tool that is no name', { steps: [{ goal: 'a', tool: {} }] }, /no tool \{\}/],
  ['input that is a list', { steps: [{ goal: 'a', tool: 'note', input: [1] }] }, /"input" of a tool is a JSON object/],
  ['input without a tool', { steps: [{ goal: 'a', input: { a: 1 } }] }, /needs a "tool"/],
  [
    'a step that refers to itself',
    { steps: [{ id: 'a', tool: 'note', input: { a: '{{steps.a.output}}' } }] },
    /refers to no output/,
  ],
  [
    'a misspelt reference',
    {
      steps: [
        { id: 'a', tool: 'note' },
        { tool: 'note', input: { a: '{{steps.a.result}}' } },
      ],
    },
    /step 2: \{\{steps\.a\.result\}\}/,
  ],
])('refuses a plan with %s', (_name, plan, problem) => {
  expect(parse(plan)).toEqual({ problem: expect.stringMatching(problem) as string })
})

test('says that there are no tools at all', () => {
  const bare = scriptedHistory({ ...scenarioDefinition, tools: [] }, { name: 'test' }).view
  expect(parsePlan(bare, '[{"goal":"a","tool":"x"}]', { maxSteps: 3, done: [] }).problem).toContain('no tools at all')
})
