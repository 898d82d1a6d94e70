import { Validator } from '@cfworker/json-schema'
import { describe, expect, test } from 'vitest'
import { type Json, type JsonObject } from '../../core/index.ts'
import { loadWorkflow, WORKFLOW_SCHEMA } from './index.ts'
import { parts, problemsOf, one, BRIEF } from '../../../test/fixtures/workflow-documents.ts'

describe('the published schema', () => {
  const validator = new Validator(WORKFLOW_SCHEMA as object, '7', false)
  const fits = (value: unknown): boolean => validator.validate(value).valid

  test('accepts what the loader accepts', async () => {
    const { document } = (await loadWorkflow(BRIEF, parts)).planner
    expect(fits(document)).toBe(true)
  })

  test.each<[string, unknown]>([
    ['a list', []],
    ['no name', { tasks: { a: { sleep: '1s' } } }],
    ['a bad name', { name: 'a b', tasks: { a: { sleep: '1s' } } }],
    ['no tasks', { name: 'w' }],
    ['empty tasks', { name: 'w', tasks: {} }],
    ['an unknown key', { ...(one({ sleep: '1s' }) as object), extra: 1 }],
    ['an unknown key of a task', one({ sleep: '1s', extra: 1 })],
    ['no kind', one({ description: 'x' })],
    ['two kinds', one({ sleep: '1s', signal: 's' })],
    ['a bad task name', { name: 'w', tasks: { '1a': { sleep: '1s' } } }],
    ['a forbidden task name', JSON.parse('{"name":"w","tasks":{"constructor":{"sleep":"1s"}}}')],
    ['a bad duration', one({ sleep: '5 minutes' })],
    ['a number for a duration', one({ sleep: 5 })],
    ['no attempts', one({ tool: 't', retry: { backoff: '1s' } })],
    ['too many attempts', one({ tool: 't', retry: 1000 })],
    ['half an attempt', one({ tool: 't', retry: 1.5 })],
    ['a bad policy', one({ sleep: '1s', failure: 'ignore' })],
    ['rules that are no list', one({ tool: 't', rules: { verdict: 'deny' } })],
    ['a rule that allows', one({ tool: 't', rules: [{ verdict: 'allow' }] })],
    ['a rule without a verdict', one({ tool: 't', rules: [{ tool: 't' }] })],
    ['an unknown member of a rule', one({ tool: 't', rules: [{ verdict: 'deny', tol: 't' }] })],
    ['a rule about arguments that names no pointer', one({ tool: 't', rules: [{ verdict: 'deny', arguments: { to: {} } }] })],
    ['an unknown condition', one({ tool: 't', rules: [{ verdict: 'deny', arguments: { '/to': { over: 3 } } }] })],
    ['a bad join', one({ sleep: '1s', join: 'one' })],
    ['empty needs', one({ sleep: '1s', needs: [] })],
    ['needs of numbers', one({ sleep: '1s', needs: [1] })],
    ['an empty condition', one({ sleep: '1s', if: '' })],
    ['a condition that is no text', one({ sleep: '1s', if: true })],
    ['forEach over plain text', one({ tool: 't', forEach: 'abc' })],
    ['no concurrency', one({ tool: 't', forEach: [1], concurrency: 0 })],
    ['an empty capability', one({ agent: { capability: '' } })],
    ['an unknown key of an approval', one({ approval: { query: 'x' } })],
    ['a signal without a name', one({ signal: { deadline: '1s' } })],
    ['an input that is no schema', { name: 'w', input: 'text', tasks: { a: { sleep: '1s' } } }],
  ])('refuses %s, and so does the loader', async (_what, document) => {
    expect(fits(document)).toBe(false)
    expect(await problemsOf(document, {})).not.toEqual([])
  })

  test('knows no key that the reference page does not', () => {
    const { properties } = WORKFLOW_SCHEMA as {
      properties: { tasks: { additionalProperties: { properties: JsonObject } } } & JsonObject
    }
    expect(Object.keys(properties.tasks.additionalProperties.properties)).toHaveLength(18)
    expect(Object.keys(properties satisfies Json)).toHaveLength(8)
  })
})
