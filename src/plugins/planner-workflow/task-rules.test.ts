import { describe, expect, test } from 'vitest'
import { defineAgent, defineTool, type Json, type Tool } from '../../core/index.ts'
import { problemsOf, one } from '../../../test/fixtures/workflow-documents.ts'
import { loadWorkflow, taskRules, toDot, toMermaid, workflow } from './index.ts'

const tool = (name: string, more: Partial<Tool> = {}): Tool =>
  ({
    ...defineTool({ name, description: name, input: { type: 'object' }, effect: 'pure', execute: () => 1 }),
    ...more,
  }) as Tool
const pay = tool('bank.pay')
const proxy = tool('proxy', { route: () => undefined })
const helper = defineAgent({ name: 'helper', tools: ['bank.pay'] })
const clerk = defineAgent({ name: 'clerk', tools: [tool('mail')], agents: ['helper'] })
const parts = { tools: [pay, proxy], agents: [clerk, helper] as never[] }
const under = (rules: unknown, task: object = { tool: 'bank.pay' }): unknown => one({ ...task, rules } as never)

const MISTAKES = `name: w
tasks:
  a:
    tool: bank.pay
    rules:
      - { verdict: allow, tool: bank.pay }
      - { tool: bank.pay }
      - { verdict: deny, tol: bank.pay }
      - { verdict: deny, tool: bank.pya }
      - { verdict: deny, agent: v }
      - { verdict: ask, arguments: { to: { exists: yes } } }
      - { verdict: ask, arguments: { /to: { exists: true, over: 3 } } }
      - { verdict: deny, arguments: { /to: { equals: "\${{ input.to }}" } } }
      - deny
  b: { sleep: 1s, rules: [{ verdict: deny }] }
  c: { agent: clerk, rules: { verdict: deny } }
  d: { agent: clerk, rules: [{ verdict: deny, tool: maill }, { verdict: deny, agent: bank.pay }] }
`

describe('rules of tasks', () => {
  test('whatever is wrong with them is told at once, each with line and column', async () => {
    expect(await problemsOf(MISTAKES, parts)).toEqual([
      '6:20 type /tasks/a/rules/0/verdict must be "ask" or "deny": a rule of a task can only make it stricter, not "allow"',
      '7:9 missing-key /tasks/a/rules/1 the key "verdict" is missing',
      '8:26 unknown-key /tasks/a/rules/2/tol unknown key "tol"; did you mean "tool"?',
      '11:38 type /tasks/a/rules/5/arguments/to "to" must be a JSON Pointer: empty, or beginning with "/"',
      '11:52 type /tasks/a/rules/5/arguments/to/exists must be true or false, not "yes"',
      '12:59 unknown-key /tasks/a/rules/6/arguments/~1to/over unknown key "over"; known are equals, notEquals, oneOf, above, below, matches, exists',
      '14:9 type /tasks/a/rules/8 must be a rule, a map, not "deny"',
      '15:19 task-kind /tasks/b/rules "rules" is for tools, agents and workflows, and this task is a sleep',
      '16:29 type /tasks/c/rules must be a list of at most 100 rules that ask or deny, not {"verdict":"deny"}',
      '17:53 unknown-tool /tasks/d/rules/0/tool the rule protects nothing: the task calls no "maill"; did you mean "mail"?',
      '17:86 unknown-agent /tasks/d/rules/1/agent the rule protects nothing: nothing is called by "bank.pay"; known are w, clerk, helper',
    ])
  })

  test.each<[string, Json, object | undefined, RegExp]>([
    ['a tool that the task does not call', { tool: 'bank.pya' }, undefined, /unknown-tool .*did you mean "bank.pay"/],
    ['an agent that calls nothing for it', { agent: 'v' }, undefined, /unknown-agent .*nothing is called by "v"/],
    ['an expression', { arguments: { '/to': { equals: '${{ input.to }}' } } }, undefined, /expression-name .*no expression/],
    ['a tool of another agent', { tool: 'proxy' }, { agent: 'clerk' }, /unknown-tool .*no "proxy"/],
  ])('a rule about %s protects nothing, and is a mistake', async (_, rule, task, text) => {
    const found = await problemsOf(under([{ verdict: 'deny', ...(rule as object) }], task), parts)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(text)
  })

  test.each<[string, Json, object | undefined, object]>([
    ['the tool', { tool: 'bank.pay' }, undefined, parts],
    ['the tool as models see it', { tool: 'bank_pay' }, undefined, parts],
    ['a pattern', { tool: 'nothing*' }, undefined, parts],
    ['the workflow that calls', { agent: 'w' }, undefined, parts],
    ['anything of a front tool', { tool: 'fs__write' }, { tool: 'proxy' }, parts],
    ['anything of a tool that is known by name alone', { tool: 'x' }, { tool: 'bank.pay' }, { tools: ['bank.pay'] }],
    ['the agent itself', { tool: 'clerk' }, { agent: 'clerk' }, parts],
    ['a tool of the agent', { tool: 'mail' }, { agent: 'clerk' }, parts],
    ['a tool of an agent below', { tool: 'bank.pay', agent: 'helper' }, { agent: 'clerk' }, parts],
    ['the handoff to an agent below', { tool: 'transfer_to_helper' }, { agent: 'clerk' }, parts],
    ['anything of an agent below which one is not known', { tool: 'x' }, { agent: 'clerk' }, { ...parts, agents: [clerk] }],
    ['anything where no parts are given', { tool: 'x', agent: 'y' }, undefined, {}],
  ])('one about %s is none', async (_, rule, task, given) => {
    expect(await problemsOf(under([{ verdict: 'deny', ...(rule as object) }], task), given)).toEqual([])
  })

  test('at most so many, and each with all its members', async () => {
    const whole = {
      verdict: 'ask',
      name: 'n',
      agent: 'w',
      tool: 'bank.*',
      tenant: 't',
      principal: 'p',
      role: 'r',
      reason: 'why',
      arguments: { '': { exists: true }, '/a': { equals: [1], notEquals: null, oneOf: [1], above: 1, below: 2.5, matches: '*' } },
    }
    expect(await problemsOf(under([whole]), parts)).toEqual([])
    const many = (count: number): unknown => under(Array.from({ length: count }, () => ({ verdict: 'deny' })))
    expect(await problemsOf(many(100), parts)).toEqual([])
    expect(await problemsOf(many(101), parts)).toHaveLength(1)
  })

  test('are part of the definition, and change neither diagrams nor the graph', async () => {
    const [free, bound] = await Promise.all(
      [one({ tool: 'bank.pay' }), under([{ verdict: 'deny' }])].map((document) => loadWorkflow(document, parts)),
    )
    expect(free?.planner.version).not.toBe(bound?.planner.version)
    expect(toMermaid(bound as never)).toBe(toMermaid(free as never))
    expect(toDot(bound as never)).toBe(toDot(free as never))
  })

  test('can be asked for as the calls of the task carry them', async () => {
    const made = await loadWorkflow(under([{ verdict: 'deny' }, { verdict: 'ask', name: 'own' }]), parts)
    const [task = ''] = Object.keys(made.planner.document.tasks)
    expect(taskRules(made, task)).toEqual([
      { name: `${task} rule 1`, verdict: 'deny' },
      { name: 'own', verdict: 'ask' },
    ])
    expect(taskRules(await loadWorkflow(one({ tool: 'bank.pay' }), parts), task)).toEqual([])
    expect(() => taskRules(made, `${task}x`)).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }))
    expect(() => taskRules(made, 'constructor')).toThrow(/no task "constructor"/)
  })

  test('are the same from the builder', async () => {
    const built = await workflow('w')
      .task('pay', { tool: pay, rules: [{ verdict: 'deny', arguments: { '/amount': { above: 5 } } }] })
      .load()
    expect(taskRules(built, 'pay')).toEqual([{ name: 'pay rule 1', verdict: 'deny', arguments: { '/amount': { above: 5 } } }])
  })
})
