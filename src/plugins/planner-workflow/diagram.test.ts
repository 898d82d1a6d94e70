import { expect, test } from 'vitest'
import type { Effect, Json } from '../../core/index.ts'
import { scriptedHistory } from '../../testing/planner-history.ts'
import { scenarioDefinition, scriptedFailure } from '../../testing/planner-scenarios.ts'
import { loadWorkflow, taskStates, toDot, toMermaid } from './index.ts'

const TASKS = {
  search: { tool: 'web.search', onFailure: 'undo' },
  read: { needs: 'search', agent: 'reader', forEach: [1, 2] },
  ask: { needs: 'search', approval: 'ok?' },
  no: { needs: 'search', if: 'tasks.search.output == 1', workflow: 'other' },
  after: { needs: 'no', sleep: '1s' },
  late: { needs: 'read', signal: 'news' },
  undo: { tool: 'web.undo' },
}

test('a graph as a Mermaid flowchart', async () => {
  expect(toMermaid(await loadWorkflow({ name: 'w', tasks: TASKS }))).toBe(
    `flowchart TD
  t0["search<br/>tool web.search"]
  t1(["read<br/>agent reader<br/>for each item"])
  t2{{"ask<br/>approval"}}
  t3[["no<br/>workflow other<br/>if tasks.search.output #61;#61; 1"]]
  t4("after<br/>sleep")
  t5[/"late<br/>signal news"/]
  t6["undo<br/>tool web.undo"]
  t0 -.->|on failure| t6
  t0 --> t1
  t0 --> t2
  t0 --> t3
  t3 --> t4
  t1 --> t5
`,
  )
})

test('a graph in the DOT language', async () => {
  expect(
    toDot(
      await loadWorkflow({
        name: 'w',
        tasks: { a: { tool: 'x' }, b: { needs: 'a', sleep: '1s', onFailure: 'c' }, c: { tool: 'x' } },
      }),
    ),
  ).toBe(`digraph "w" {
  node [fontname="sans-serif"];
  t0 [label="a\\ntool x", shape=box];
  t1 [label="b\\nsleep", shape=oval];
  t2 [label="c\\ntool x", shape=box];
  t0 -> t1;
  t1 -> t2 [style=dotted, label="on failure"];
}
`)
})

test('what is drawn is text, whatever it holds', async () => {
  const hostile = `a"]; click t0 "javascript:alert(1)" %%{init}%%\n<script>&lt;#quot;`
  const workflow = await loadWorkflow({
    name: 'w',
    tasks: { s: { signal: hostile.slice(0, 60) }, c: { sleep: '1s', if: '"\\"<b>\\\\" == "]"' } },
  })
  const mermaid = toMermaid(workflow)
  expect(mermaid).not.toMatch(/<script|javascript:|%%\{|click t0 "/)
  expect(mermaid.split('\n')).toHaveLength(4)
  for (const line of mermaid.split('\n').slice(1, 3)) expect(line.match(/"/g)).toHaveLength(2)
  const dot = toDot(workflow)
  for (const line of dot.split('\n').filter((text) => text.includes('label')))
    expect(line).toMatch(/^ {2}t\d \[label="(?:[^"\\]|\\.)*", shape=\w+\];$/)
})

test('live states of a run, from its view or its events', async () => {
  const workflow = await loadWorkflow({ name: 'w', tasks: TASKS })
  const history = scriptedHistory(scenarioDefinition, { name: 'x' })
  const act = (): readonly Effect[] => {
    const decision = workflow.planner.decide(history.view)
    if (!('type' in decision) || decision.type !== 'act') throw new Error(JSON.stringify(decision))
    history.decide(decision.effects, decision.state)
    return decision.effects
  }
  const states = (): Json => Object.fromEntries(taskStates(workflow, history.view).map(({ name, status }) => [name, status]))
  expect(states()).toEqual({
    search: 'pending',
    read: 'pending',
    ask: 'pending',
    no: 'pending',
    after: 'pending',
    late: 'pending',
    undo: 'pending',
  })
  const [search] = act()
  expect(states()).toMatchObject({ search: 'running' })
  history.settle(search as Effect, { status: 'completed', value: 2 })
  const [ask, first] = act()
  expect(states()).toMatchObject({
    search: 'completed',
    read: 'running',
    ask: 'waiting',
    no: 'skipped',
    after: 'skipped',
    late: 'pending',
  })
  expect(toMermaid(workflow, history.view)).toContain(
    't4("after<br/>sleep<br/>skipped#58; it needs #34;no#34;, which was skipped"):::skipped',
  )
  expect(toMermaid(workflow, history.view)).toContain('classDef waiting fill:#fff3cd')
  expect(toDot(workflow, history.view)).toContain('style=filled, fillcolor="#cfe2ff"')
  expect(ask).toMatchObject({ key: 'ask' })
  history.settle(first as Effect, scriptedFailure('failed', 'TOOL_FAILED', 'read'))
  history.add({ type: 'run-end', outcome: { status: 'failed', error: { code: 'TOOL_FAILED', message: 'x', retryable: false } } })
  expect(states()).toMatchObject({ read: 'failed', ask: 'cancelled' })
  expect(taskStates(workflow, history.view)[1]).toEqual({ name: 'read', status: 'failed', reason: 'scripted trouble at read' })
})

test('an agent that is no workflow has no graph', () => {
  expect(() => toMermaid({ name: 'x' } as never)).toThrow('agent "x" is no workflow of a document')
})
