import type { JsonObject } from '../../core/index.ts'
import { WORKFLOW_LIMITS } from './limits.ts'
import { TASK_KINDS } from './document.ts'

// `title` says what a value must be: messages are made of it.

/** A text that is filled in while the workflow runs. */
const EXPRESSION = '^\\$\\{\\{[\\s\\S]*\\}\\}$'
const DURATION_TEXT =
  '^(?:[0-9]{1,15}(?:\\.[0-9]{1,6})?(?:ms|s|m|h|d|w))+$|^P(?:[0-9]{1,9}W)?(?:[0-9]{1,9}D)?(?:T(?:[0-9]{1,9}H)?(?:[0-9]{1,9}M)?(?:[0-9]{1,9}(?:\\.[0-9]{1,6})?S)?)?$'

const text: JsonObject = { title: 'a text', type: 'string' }
const name: JsonObject = {
  title: 'a name: 1 to 64 letters, digits, "_", "-" or ".", starting with a letter, digit or "_"',
  type: 'string',
  pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$',
}
const taskName: JsonObject = {
  title: 'the name of a task: 1 to 64 letters, digits, "_" or "-", starting with a letter or "_"',
  type: 'string',
  pattern: '^(?!(?:__proto__|constructor|prototype)$)[A-Za-z_][A-Za-z0-9_-]{0,63}$',
}
const duration: JsonObject = {
  title: 'a duration such as 500ms, 90s, 1h30m, 2d or PT15M, or an expression in ${{ }}',
  type: 'string',
  pattern: `${DURATION_TEXT}|${EXPRESSION}`,
}
const taskNames: JsonObject = {
  title: 'the name of a task, or a list of such names',
  anyOf: [taskName, { title: 'a list of task names', type: 'array', minItems: 1, items: taskName }],
}

function object(title: string, properties: JsonObject, required: readonly string[] = []): JsonObject {
  return { title, type: 'object', properties, required, additionalProperties: false }
}

const approval = object('what to ask: question, details, deadline', { question: text, details: {}, deadline: duration })
const signalName: JsonObject = {
  title: 'the name of a signal: not empty, not beginning with opspawn.',
  type: 'string',
  minLength: 1,
  maxLength: 256,
  pattern: '^(?!opspawn\\.)',
}
const attempts: JsonObject = {
  title: `a whole number from 1 to ${WORKFLOW_LIMITS.attempts}`,
  type: 'integer',
  minimum: 1,
  maximum: WORKFLOW_LIMITS.attempts,
}

const condition = object('a condition, a map', {
  equals: {},
  notEquals: {},
  oneOf: { title: 'a list', type: 'array' },
  above: { title: 'a number', type: 'number' },
  below: { title: 'a number', type: 'number' },
  matches: text,
  exists: { title: 'true or false', type: 'boolean' },
})
const rule = object(
  'a rule, a map',
  {
    verdict: { title: '"ask" or "deny": a rule of a task can only make it stricter', enum: ['ask', 'deny'] },
    name: text,
    agent: text,
    tool: text,
    tenant: text,
    principal: text,
    role: text,
    arguments: {
      title: 'a map of conditions by JSON Pointer',
      type: 'object',
      propertyNames: { title: 'a JSON Pointer: empty, or beginning with "/"', type: 'string', pattern: '^(?:/[\\s\\S]*)?$' },
      additionalProperties: condition,
    },
    reason: text,
  },
  ['verdict'],
)

const task: JsonObject = {
  ...object('a task, a map', {
    description: text,
    tool: name,
    agent: {
      title: 'the name of an agent, or { capability: … }',
      anyOf: [name, object('{ capability: … }', { capability: { ...text, minLength: 1 } }, ['capability'])],
    },
    workflow: name,
    approval: { title: 'a question, or a map with question, details and deadline', anyOf: [text, approval] },
    signal: {
      title: 'the name of a signal, or a map with name and deadline',
      anyOf: [signalName, object('a map with name and deadline', { name: signalName, deadline: duration }, ['name'])],
    },
    sleep: duration,
    with: {},
    needs: taskNames,
    join: { title: '"all", "any" or "settled"', enum: ['all', 'any', 'settled'] },
    if: { title: 'a CEL expression, a text', type: 'string', minLength: 1, maxLength: WORKFLOW_LIMITS.expression },
    forEach: {
      title: 'a list, or an expression in ${{ }} that gives one',
      anyOf: [
        { title: 'an expression in ${{ }}', type: 'string', pattern: EXPRESSION },
        { title: 'a list', type: 'array', maxItems: WORKFLOW_LIMITS.fanOut },
      ],
    },
    concurrency: { title: 'a whole number above 0', type: 'integer', minimum: 1, maximum: WORKFLOW_LIMITS.fanOut },
    retry: {
      title: 'a number of attempts, or a map with attempts, backoff and maxBackoff',
      anyOf: [
        attempts,
        object('a map with attempts, backoff and maxBackoff', { attempts, backoff: duration, maxBackoff: duration }, [
          'attempts',
        ]),
      ],
    },
    timeout: duration,
    onFailure: taskNames,
    failure: { title: '"fail", "skip" or "continue"', enum: ['fail', 'skip', 'continue'] },
    rules: {
      title: `a list of at most ${WORKFLOW_LIMITS.rules} rules that ask or deny`,
      type: 'array',
      maxItems: WORKFLOW_LIMITS.rules,
      items: rule,
    },
  }),
  oneOf: TASK_KINDS.map((kind) => ({ required: [kind] })),
}

/**
 * The JSON Schema of workflow documents. The loader holds documents against this very value; what a schema cannot say
 * (names, cycles, expressions) it checks besides.
 */
export const WORKFLOW_SCHEMA: JsonObject = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  ...object(
    'a workflow, a map',
    {
      name,
      description: text,
      version: text,
      input: { title: 'a JSON Schema, a map', type: 'object' },
      tasks: {
        title: `a map of 1 to ${WORKFLOW_LIMITS.tasks} tasks by name`,
        type: 'object',
        minProperties: 1,
        maxProperties: WORKFLOW_LIMITS.tasks,
        propertyNames: taskName,
        additionalProperties: task,
      },
      output: {},
      outputSchema: { title: 'a JSON Schema, a map', type: 'object' },
      onFailure: taskNames,
    },
    ['name', 'tasks'],
  ),
}
