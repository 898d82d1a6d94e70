import { defineTool, jsonSchema } from '../../core/index.ts'
import { workflow } from './index.ts'

const search = defineTool({
  name: 'search',
  description: 'Searches.',
  input: jsonSchema<{ query: string }>({ type: 'object' }),
  execute: ({ query }) => query,
})

const one = workflow('w').task('search', { tool: search })
one.task('read', { needs: 'search', agent: 'reader' }).task('both', { needs: ['search', 'read'], sleep: '1s' })

// @ts-expect-error There is no task of that name.
one.task('read', { needs: 'serch', agent: 'reader' })
// @ts-expect-error One of the names is unknown.
one.task('read', { needs: ['search', 'other'], agent: 'reader' })
// @ts-expect-error The name is taken.
one.task('search', { sleep: '1s' })
// @ts-expect-error A compensation that was not added.
one.task('read', { agent: 'reader', onFailure: 'undo' })
// @ts-expect-error Not a policy.
one.task('read', { agent: 'reader', failure: 'ignore' })
one.task('read', { agent: 'reader', rules: [{ verdict: 'ask', tool: 'search' }] })
// @ts-expect-error Rules of tasks allow nothing.
one.task('read', { agent: 'reader', rules: [{ verdict: 'allow', tool: 'search' }] })
// @ts-expect-error No member of a rule.
one.task('read', { agent: 'reader', rules: [{ verdict: 'deny', tol: 'search' }] })
// @ts-expect-error Not added.
one.onFailure('undo')
