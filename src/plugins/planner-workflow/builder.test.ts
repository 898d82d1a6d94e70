import { expect, test } from 'vitest'
import { defineAgent, defineTool, jsonSchema } from '../../core/index.ts'
import { loadWorkflow, workflow } from './index.ts'

const search = defineTool({
  name: 'web.search',
  description: 'Searches.',
  input: jsonSchema<{ query: string }>({ type: 'object', properties: { query: { type: 'string' } }, required: ['query'] }),
  execute: ({ query }) => ({ hits: [query] }),
})
const reader = defineAgent({ name: 'reader', capabilities: ['reading'] })

const brief = workflow('brief')
  .describe('Finds and reads.')
  .input({ type: 'object', properties: { topic: { type: 'string' } } })
  .task('undo', { tool: 'undo' })
  .task('search', { tool: search, with: { query: '${{ input.topic }}' }, onFailure: 'undo' })
  .task('read', { needs: ['search'], agent: reader, forEach: '${{ tasks.search.output.hits }}' })
  .task('more', { needs: 'read', agent: { capability: 'reading' }, if: 'size(tasks.read.output) > 1' })
  .output('${{ tasks.read.output }}', { type: 'array' })

test('the builder makes the same document as a file', async () => {
  const text = `
name: brief
description: Finds and reads.
input: { type: object, properties: { topic: { type: string } } }
tasks:
  undo: { tool: undo }
  search: { tool: web.search, with: { query: "\${{ input.topic }}" }, onFailure: undo }
  read: { needs: [search], agent: reader, forEach: "\${{ tasks.search.output.hits }}" }
  more: { needs: read, agent: { capability: reading }, if: size(tasks.read.output) > 1 }
output: "\${{ tasks.read.output }}"
outputSchema: { type: array }
`
  const built = await brief.load()
  const loaded = await loadWorkflow(text, { tools: [search, 'undo'], agents: [reader] })
  expect(built.planner.document).toEqual(loaded.planner.document)
  expect(built.planner.version).toBe(loaded.planner.version)
  expect(built.tools).toEqual(['undo', search])
  expect(built.delegates).toEqual([{ agent: 'reader' }])
})

test('each call gives a new builder, and what types do not see the loader does', async () => {
  const base = workflow('w').task('a', { sleep: '1s' })
  const more = base.task('b', { needs: 'a', tool: search, with: { querry: 'x' } }).onFailure('a')
  expect(Object.keys(base.document.tasks)).toEqual(['a'])
  await expect(more.load()).rejects.toMatchObject({
    code: 'AGENT_INVALID',
    message: expect.stringContaining('"web.search" needs "query"'),
  })
})
