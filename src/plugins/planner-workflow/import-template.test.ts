import { expect, test } from 'vitest'
import { defineAgent } from '../../core/index.ts'
import { importTemplate, loadWorkflow } from './index.ts'

const TEMPLATE = {
  id: 'wf-1',
  name: 'Market report',
  version: '1.0',
  owner: 'ada',
  tasks: [
    {
      taskId: 'collect data',
      name: 'Collect',
      agentCapability: 'search',
      parameters: { query: '${{ x }}', deep: ['$1'] },
      nextTaskId: 'sum',
      maxRetries: 3,
    },
    { taskId: 'sum', agentCapability: 'write', parameters: {}, nextTaskId: null, color: 'red' },
  ],
}

test('a template becomes a document that loads, and says what was left out', async () => {
  const { document, warnings } = await importTemplate(TEMPLATE)
  expect(document).toEqual({
    name: 'Market_report',
    description: 'Market report',
    version: '1.0',
    tasks: {
      collect_data: {
        description: 'Collect',
        agent: { capability: 'search' },
        with: { query: '$${{ x }}', deep: ['$1'] },
        retry: 4,
      },
      sum: { needs: ['collect_data'], agent: { capability: 'write' }, with: {} },
    },
  })
  expect(warnings).toEqual([
    'the template has "owner", which has no counterpart and was left out',
    'task "sum" has "color", which has no counterpart and was left out',
    'the task "collect data" became "collect_data"',
    'the name "Market report" became "Market_report"',
  ])
  const agents = [
    defineAgent({ name: 'finder', capabilities: ['search'] }),
    defineAgent({ name: 'writer', capabilities: ['write'] }),
  ]
  const workflow = await loadWorkflow(document, { agents })
  expect(workflow.delegates).toEqual([{ agent: 'finder' }, { agent: 'writer' }])
})

test('text is read like a document', async () => {
  expect(await importTemplate(JSON.stringify(TEMPLATE))).toEqual(await importTemplate(TEMPLATE))
  await expect(importTemplate('tasks: [')).rejects.toMatchObject({ code: 'AGENT_INVALID' })
})

test('what leads nowhere is told', async () => {
  const task = (taskId: string, more: object = {}): object => ({ taskId, agentCapability: 'c', ...more })
  expect((await importTemplate({ tasks: [task('a', { nextTaskId: 'z' })] })).warnings).toEqual([
    'the task "a" goes on with "z", which is not there; nothing comes behind it',
  ])
  expect((await importTemplate({ tasks: [task('a'), task('a b'), task('a_b')] })).document.tasks).toHaveProperty('a_b_2')
  expect((await importTemplate({ tasks: [task('a'), task('b')] })).warnings).toEqual([
    'no task says which one is next: all of them run at once',
  ])
  expect(Object.keys((await importTemplate({ tasks: [task('1'), task('constructor')] })).document.tasks)).toEqual([
    't_1',
    't_constructor',
  ])
})

test.each([[null], [{}], [{ tasks: [] }], [{ tasks: [{ taskId: 'a' }] }], [{ tasks: ['a'] }]])(
  '%j is no template',
  async (source) => {
    await expect(importTemplate(source)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
  },
)
