import { Validator } from '@cfworker/json-schema'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineAgent, defineTool, OpspawnError, type Json, type JsonObject } from '../../core/index.ts'
import { describeProblem, loadWorkflow, parseWorkflow, WORKFLOW_LIMITS, WORKFLOW_SCHEMA } from './index.ts'

const search = defineTool({
  name: 'web.search',
  description: 'Searches.',
  input: {
    type: 'object',
    properties: { query: { type: 'string' }, limit: { type: 'integer' } },
    required: ['query'],
    additionalProperties: false,
  },
  output: {
    type: 'object',
    properties: {
      hits: { type: 'array', items: { type: 'object', properties: { url: { type: 'string' } } } },
      count: { type: 'integer' },
    },
  },
  execute: () => ({ hits: [], count: 0 }),
})
const reader = defineAgent({ name: 'reader', capabilities: ['reading'] })
const parts = { tools: [search, 'cms.publish'], agents: [reader, 'writer'] }

async function problemsOf(source: unknown, options: Parameters<typeof parseWorkflow>[1] = parts): Promise<readonly string[]> {
  const { problems = [] } = await parseWorkflow(source, options)
  return problems.map(({ rule, message, path, line, column }) => `${line ?? '-'}:${column ?? '-'} ${rule} ${path} ${message}`)
}

const one = (task: Record<string, unknown>, more: object = {}): unknown => ({ name: 'w', tasks: { a: task, ...more } })

const BRIEF = `
name: research-brief
description: Finds and reads.
input: { type: object, required: [topic], properties: { topic: { type: string }, size: { type: integer } } }
tasks:
  search: { tool: web.search, with: { query: "\${{ input.topic }}" }, retry: { attempts: 5, backoff: 100ms } }
  read: { needs: [search], forEach: "\${{ tasks.search.output.hits }}", agent: { capability: reading }, concurrency: 4, with: "Read \${{ item.url }}" }
  review: { needs: [read], approval: { question: "Publish on \${{ input.topic }}?", deadline: 2d } }
  publish: { needs: [review], if: tasks.review.output.approved, tool: cms.publish, onFailure: undo, failure: continue }
  undo: { tool: cms.publish, with: { undo: "\${{ failure.code }}" } }
  pause: { needs: publish, join: settled, sleep: PT15M }
  news: { needs: [pause], signal: { name: news, deadline: "\${{ input.topic }}" } }
output: "\${{ tasks.publish.output }}"
`

describe('a sound document', () => {
  test('becomes an agent with the tools and agents that it names', async () => {
    const workflow = await loadWorkflow(BRIEF, parts)
    expect(workflow).toMatchObject({ spec: 'agent/1', name: 'research-brief', description: 'Finds and reads.' })
    expect(workflow.tools).toEqual([search, 'cms.publish'])
    expect(workflow.delegates).toEqual([{ agent: 'reader' }])
    expect(workflow.planner).toMatchObject({ spec: 'planner/1', name: 'workflow', reactive: true })
  })

  test('may be JSON, or plain data, and means the same', async () => {
    const { document } = (await loadWorkflow(BRIEF, parts)).planner
    const fromText = await loadWorkflow(JSON.stringify(document), parts)
    const fromData = await loadWorkflow(document, parts)
    expect(fromText.planner.document).toEqual(document)
    expect(fromText.planner.version).toBe(fromData.planner.version)
  })

  test('has another version when anything in it changes', async () => {
    const version = async (ms: string) => (await loadWorkflow(one({ sleep: ms }))).planner.version
    expect(await version('1s')).not.toBe(await version('2s'))
  })

  test('may name any part where none are given', async () => {
    expect(await problemsOf(one({ tool: 'anything' }, { b: { agent: 'anybody' } }), {})).toEqual([])
  })
})

/** Ten different mistakes, each on a line of its own. */
const MISTAKES = `name: research brief
inputs: { type: object }
input: { type: object, properties: { topic: { type: string } } }
tasks:
  search: { tool: web.serch, with: { query: "\${{ input.topik }}" } }
  read: { needs: [serch], agent: reader }
  loop: { needs: [pool], agent: nobody }
  pool: { needs: [loop], sleep: 2 weeks }
  review: { needs: [read, read], approval: { deadline: 2d } }
  publish: { needs: [review], if: tasks.review.output.approved > 3, tool: cms.publish }
  publish: { tool: cms.publish }
  nothing: { needs: [review] }
  ask: { agent: reader, tool: cms.publish, retry: 0 }
  done: { sleep: 1s, with: "\${{ item " }
output: "\${{ tasks.review.output.approved.by }}"
`

describe('a document with mistakes', () => {
  test('tells all of them at once, each with its line and column', async () => {
    expect(await problemsOf(MISTAKES)).toEqual([
      '1:7 type /name must be a name: 1 to 64 letters, digits, "_", "-" or ".", starting with a letter, digit or "_", not "research brief"',
      '2:1 unknown-key /inputs unknown key "inputs"; did you mean "input"?',
      '5:19 unknown-tool /tasks/search/tool there is no tool "web.serch"; did you mean "web.search"?',
      '5:45 expression-path /tasks/search/with/query input has no member "topik"; it has topic',
      '6:19 needs /tasks/read/needs/0 there is no task "serch" to need; did you mean "search"?',
      '7:11 cycle /tasks/loop/needs tasks need one another in a circle: loop → pool → loop',
      '7:33 unknown-agent /tasks/loop/agent there is no agent "nobody"; known are reader, writer',
      '8:33 type /tasks/pool/sleep must be a duration such as 500ms, 90s, 1h30m, 2d or PT15M, or an expression in ${{ }}, not "2 weeks"',
      '9:27 needs /tasks/review/needs/1 the task "read" is needed twice; name it once',
      '10:35 expression-type /tasks/publish/if in the expression "tasks.review.output.approved > 3", ">" cannot be used with true or false and a whole number',
      '11:3 duplicate-key /tasks/publish the key "publish" is there twice; the first stands at 10:3',
      '12:3 task-kind /tasks/nothing must have exactly one of tool, agent, workflow, approval, signal, sleep; it has none of them',
      '13:3 task-kind /tasks/ask must have exactly one of tool, agent, workflow, approval, signal, sleep; it has tool and agent',
      '13:51 type /tasks/ask/retry must be a whole number from 1 to 100, not 0',
      '14:22 task-kind /tasks/done/with "with" is for tools, agents and workflows, and this task is a sleep',
      '14:28 expression-syntax /tasks/done/with "${{" at character 1 has no "}}"',
      '15:9 expression-path /output tasks.review.output.approved is true or false and has no member "by"',
    ])
  })

  test('is refused by one error that shows and carries them all', async () => {
    const error = await loadWorkflow(MISTAKES, { ...parts, file: 'brief.yaml' }).catch((thrown: unknown) => thrown)
    expect(OpspawnError.is(error, 'AGENT_INVALID')).toBe(true)
    const { message, details } = error as OpspawnError
    expect(message.split('\n')).toHaveLength(18)
    expect(message).toContain('brief.yaml:6:19 there is no task "serch" to need; did you mean "search"? (/tasks/read/needs/0)')
    expect((details as { problems: unknown[] }).problems).toHaveLength(17)
  })

  test.each<[string, unknown, RegExp]>([
    ['no map', 'just text', /^1:1 type {2}must be a workflow, a map, not "just text"/],
    ['nothing', '', /type {2}must be a workflow, a map, not null/],
    ['no tasks', { name: 'w' }, /missing-key {2}the key "tasks" is missing/],
    ['empty tasks', { name: 'w', tasks: {} }, /must be a map of 1 to 1000 tasks by name/],
    ['a bad task name', { name: 'w', tasks: { 'a b': { sleep: '1s' } } }, /"a b" must be the name of a task/],
    ['a long task name', { name: 'w', tasks: { ['a'.repeat(10_000)]: { sleep: '1s' } } }, /must be the name of a task/],
    ['an empty task name', { name: 'w', tasks: { '': { sleep: '1s' } } }, /must be the name of a task/],
    ['a task that is a text', { name: 'w', tasks: { a: 'x' } }, /must be a task, a map, not "x"/],
    ['a task that needs itself', one({ sleep: '1s', needs: 'a' }), /circle: a → a/],
    ['concurrency without forEach', one({ tool: 'cms.publish', concurrency: 2 }), /"concurrency" is for tasks with forEach/],
    ['join without needs', one({ sleep: '1s', join: 'any' }), /"join" is for tasks with needs/],
    ['retry of a wait', one({ signal: 's', retry: 2 }), /"retry" is for tools, agents and workflows/],
    ['a timeout of an approval', one({ approval: 'ok?', timeout: '1s' }), /it has a deadline/],
    ['a reserved signal', one({ signal: 'opspawn.cancel' }), /must be the name of a signal/],
    [
      'an unknown capability',
      one({ agent: { capability: 'flying' } }),
      /no agent has the capability "flying"; they can: reading/,
    ],
    ['a missing argument', one({ tool: 'web.search', with: { limit: 3 } }), /"web.search" needs "query"/],
    ['an unknown argument', one({ tool: 'web.search', with: { query: 'x', lim: 3 } }), /takes no "lim"; did you mean "limit"\?/],
    [
      'an argument of another type',
      one({ tool: 'web.search', with: { query: 3 } }),
      /query must be a text, and this is a whole number/,
    ],
    [
      'an expression of another type',
      {
        name: 'w',
        input: { type: 'object', properties: { n: { type: 'integer' } } },
        tasks: { a: { tool: 'web.search', with: { query: '${{ input.n }}' } } },
      },
      /query must be a text, and this is a whole number/,
    ],
    [
      'a condition that is no truth',
      one({ sleep: '1s', if: 'size("abc")' }),
      /a condition must be true or false, and this is a whole number/,
    ],
    ['a condition in ${{ }}', one({ sleep: '1s', if: '${{ true }}' }), /leave \$\{\{ and \}\} out/],
    [
      'forEach over a text',
      {
        name: 'w',
        input: { type: 'object', properties: { t: { type: 'string' } } },
        tasks: { a: { tool: 'cms.publish', forEach: '${{ input.t }}' } },
      },
      /forEach needs a list, and this is a text/,
    ],
    [
      'a task that is not behind',
      one({ sleep: '1s', if: 'tasks.b.output == 1' }, { b: { sleep: '1s' } }),
      /the task "b" may not have settled when "a" runs; add it to the needs of "a"/,
    ],
    ['an unknown task', one({ sleep: '1s', if: 'tasks.c.output == 1' }), /there is no task "c"/],
    ['an unknown variable', one({ sleep: '1s', if: 'inputs.x == 1' }), /no variable "inputs" here; did you mean "input"\?/],
    ['item outside forEach', one({ tool: 'cms.publish', with: '${{ item }}' }), /no variable "item" here/],
    ['an unknown function', one({ sleep: '1s', if: 'explode(1)' }), /calls "explode", which is no function of CEL/],
    ['broken CEL', one({ sleep: '1s', if: 'input.a ==' }), /expression-syntax .* cannot be read: .*at character/],
    ['an unknown compensation', one({ sleep: '1s', onFailure: 'undo' }), /there is no task "undo" to run on failure/],
    [
      'a compensation of two',
      one({ sleep: '1s', onFailure: 'u' }, { b: { sleep: '1s', onFailure: 'u' }, u: { sleep: '1s' } }),
      /"u" is run on failure of "a" already/,
    ],
    [
      'a compensation that needs',
      one({ sleep: '1s', onFailure: 'u' }, { u: { sleep: '1s', needs: 'a' } }),
      /runs on failure, when its turn comes, and cannot have needs/,
    ],
    [
      'a compensation that is needed',
      one({ sleep: '1s', onFailure: 'u', needs: 'u' }, { u: { sleep: '1s' } }),
      /"u" runs on failure only and cannot be needed/,
    ],
    [
      'nothing but compensations',
      { name: 'w', tasks: { a: { sleep: '1s' } }, onFailure: 'a' },
      /none is left for the ordinary course/,
    ],
    ['a duration past ten years', one({ sleep: '520w' + '4000d' }), /is no duration from 0 to ten years/],
    [
      'the output of a compensation',
      { name: 'w', tasks: { a: { sleep: '1s', onFailure: 'u' }, u: { sleep: '1s' } }, output: '${{ tasks.u.output }}' },
      /"u" runs only after a failure/,
    ],
  ])('%s', async (_what, source, message) => {
    expect((await problemsOf(source)).join('\n')).toMatch(message)
  })

  test('that starts itself through others is refused with the way named', async () => {
    const inner = await loadWorkflow({ name: 'inner', tasks: { a: { workflow: 'outer' } } })
    const middle = await loadWorkflow({ name: 'middle', tasks: { a: { workflow: 'inner' } } })
    const outer = { name: 'outer', tasks: { a: { workflow: 'middle' } } }
    expect(await problemsOf(outer, { agents: [middle, inner] })).toEqual([
      '-:- cycle /tasks/a/workflow workflows start one another in a circle: outer → middle → inner → outer',
    ])
    expect((await problemsOf({ name: 'self', tasks: { a: { workflow: 'self' } } }, {})).join()).toMatch(/circle: self → self/)
  })

  test('wrong options are refused at once', async () => {
    await expect(parseWorkflow(BRIEF, { tool: [] } as never)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
    await expect(parseWorkflow(BRIEF, { tools: [3] } as never)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
  })

  test('problems are cut at a number that is told', async () => {
    const tasks = Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`t${index}`, { sleep: '1s', bad: 1 }]))
    const problems = await problemsOf({ name: 'w', tasks })
    expect(problems).toHaveLength(WORKFLOW_LIMITS.problems + 1)
    expect(problems.join('\n')).toContain('and 50 more problems, which are not listed')
  })

  test('more malformed parts than are listed are no trouble', async () => {
    const tasks = Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`t${index}`, { sleep: 5, needs: [1] }]))
    expect(await problemsOf({ name: 'w', tasks })).toHaveLength(WORKFLOW_LIMITS.problems + 1)
    expect(
      await problemsOf(one({ agent: {}, signal: 3, retry: {}, needs: [{}], onFailure: 7, if: [], with: { a: 1 } })),
    ).toHaveLength(7)
  })

  test('schemas of any library, with references, are held against paths', async () => {
    const tool = defineTool({
      name: 'typed',
      description: 'x',
      input: z.object({ n: z.number(), tags: z.array(z.string()).optional() }),
      output: z.object({
        inner: z.object({ ok: z.boolean() }),
        list: z.array(z.object({ id: z.string() })),
        any: z.record(z.string(), z.number()),
      }),
      execute: () => ({ inner: { ok: true }, list: [], any: {} }),
    })
    const input = {
      $ref: '#/$defs/In',
      $defs: {
        In: {
          type: 'object',
          properties: { n: { type: 'number' }, t: { $ref: '#/$defs/Text' }, loop: { $ref: '#/$defs/Loop' } },
        },
        Text: { type: 'string' },
        Loop: { $ref: '#/$defs/Loop' },
      },
    }
    const check = async (expression: string): Promise<string> =>
      (
        await problemsOf(
          {
            name: 'w',
            input,
            tasks: {
              a: { tool: 'typed', with: { n: '${{ input.n }}' } },
              b: { needs: 'a', tool: 'typed', with: { n: 1 }, if: expression },
            },
          },
          { tools: [tool] },
        )
      ).join()
    for (const good of [
      'tasks.a.output.inner.ok',
      'tasks.a.output.list[0].id == input.t',
      'tasks.a.output.any.whatever > 1.0',
      'input.loop.x.y == 1',
      'tasks.a.output.list.exists(x, x.id == "a")',
    ])
      expect([good, await check(good)]).toEqual([good, ''])
    for (const [bad, why] of [
      ['tasks.a.output.inner.no', 'tasks.a.output.inner has no member "no"; it has ok'],
      ['tasks.a.output.list.id == "x"', 'is a list and has no member "id"; take one by its index'],
      ['tasks.a.output.inner[0] == 1', 'is a map, and 0 is no key of one'],
      ['input.t.x == 1', 'input.t is a text and has no member "x"'],
      ['input.t + 1 == 2', '"+" cannot be used with a text and a whole number'],
      ['tasks.a.output.inner.ok ? 1 : 2', 'a condition must be true or false, and this is a whole number'],
      ['input.t ? true : false', '"?" needs true or false before it, not a text'],
      ['input.t && true', '"&&" needs true or false on both sides, not a text'],
      ['input.n.exists(x, x)', 'goes through a number, which is no list'],
      ['tasks == 1', '"tasks" names no task'],
      ['tasks.a.outputs == 1', 'tasks.a has no member "outputs"; it has status, output, error'],
    ] as const)
      expect(`${bad}: ${await check(bad)}`).toContain(why)
  })

  test('a problem reads well with and without a place', () => {
    expect(describeProblem({ rule: 'type', message: 'must be x', path: '/a', line: 3, column: 4 }, 'f.yaml')).toBe(
      'f.yaml:3:4 must be x (/a)',
    )
    expect(describeProblem({ rule: 'type', message: 'must be x', path: '' })).toBe('must be x')
  })
})

describe('a hostile document', () => {
  const bomb = [
    'a: &a [x, x, x, x, x, x, x, x, x]',
    ...'bcdefghi'.split('').map((name, at) => `${name}: &${name} [*${'abcdefgh'[at]}, *${'abcdefgh'[at]}]`),
  ].join('\n')

  test.each<[string, string, RegExp]>([
    ['alias bomb', bomb, /1:4 syntax .*"&a": anchors and aliases are not taken/],
    ['self alias', 'a: &a [*a]', /anchors and aliases are not taken/],
    ['merge key bomb', 'base: &b { x: 1 }\nname: { <<: *b }', /anchors and aliases are not taken/],
    ['a tag', 'name: !!js/function "x"', /1:7 syntax .*tags are not taken/],
    ['a core tag', 'name: !!binary aGk=', /tags are not taken/],
    ['flow nested 100,000 deep', '['.repeat(100_000), /nested too deep/],
    ['blocks nested 100,000 deep', '- '.repeat(100_000), /nested too deep/],
    ['questions nested', '? '.repeat(100_000), /nested too deep/],
    ['maps nested 700 deep', Array.from({ length: 700 }, (_, at) => `${' '.repeat(at)}a:`).join('\n'), /nested too deep/],
    ['flow nested 70 deep', `name: ${'['.repeat(70)}${']'.repeat(70)}`, /1:\d+ limit .*nested too deep/],
    ['60,000 keys', `{${'a:,'.repeat(60_000)}}`, /more than 60000 parts/],
    [
      '20,000 keys',
      Array.from({ length: 20_000 }, (_, at) => `key${at}: ${at}`)
        .join('\n')
        .slice(0, 262_000),
      /more than 60000 parts/,
    ],
    ['too long', `name: ${'x'.repeat(300_000)}`, /has 300006 characters; the limit is 262144/],
    ['two documents', 'name: a\n---\nname: b\n', /more than one document/],
    ['no YAML', 'name: "a\ntasks: {', /no YAML/],
    [
      'a prototype',
      'name: w\ntasks: { a: { sleep: 1s, with: { __proto__: { polluted: 1 } } } }',
      /2:34 forbidden .*"__proto__" may not be used/,
    ],
    ['a constructor', 'name: w\ntasks: { constructor: { sleep: 1s } }', /forbidden .*"constructor"/],
    ['not a number', 'name: w\ntasks: { a: { tool: cms.publish, with: .nan } }', /2:40 type .*NaN is no number/],
    ['keys that are lists', 'name: w\n? [a]\n: 1\ntasks: {}', /no YAML/],
  ])('%s is refused', async (_what, source, message) => {
    const problems = await problemsOf(source)
    expect(problems.join('\n').slice(0, 2000)).toMatch(message)
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  test('plain data has no more rights than text', async () => {
    const hostile = JSON.parse('{"name":"w","tasks":{"a":{"tool":"cms.publish","with":{"prototype":1}}}}') as unknown
    expect((await problemsOf(hostile)).join()).toMatch(/forbidden .*"prototype"/)
    expect((await problemsOf(JSON.parse('{"__proto__":{"x":1}}'))).join()).toMatch(/cannot be read/)
    const cycle: Record<string, unknown> = { name: 'w' }
    cycle['self'] = cycle
    expect((await problemsOf(cycle)).join()).toMatch(/cannot be read/)
    expect((await problemsOf({ name: 'w', big: 'x'.repeat(400_000) })).join()).toMatch(/limit .*cannot be read/)
  })

  test('words that other readers of YAML turn into something else stay texts', async () => {
    const workflow = await loadWorkflow(
      'name: w\ntasks: { a: { tool: cms.publish, with: [no, 2024-01-01, 010, yes, on] } }',
      parts,
    )
    expect(workflow.planner.document.tasks['a']?.with).toEqual(['no', '2024-01-01', 10, 'yes', 'on'])
  })

  test.each<[string, string, RegExp]>([
    ['a long expression', `"${'a'.repeat(2100)}" == "b"`, /has 2108 characters; the limit is 2048|must be a CEL expression/],
    ['100,000 parentheses', `${'('.repeat(900)}1${')'.repeat(900)} == 1`, /nested deeper than 50/],
    ['a long sum', `${'1 + '.repeat(100)}1 == 1`, /nested deeper than 50/],
    ['lists in lists', `${'['.repeat(60)}${']'.repeat(60)} == []`, /nested deeper than 50/],
    ['comprehensions three deep', '[1].all(a, [1].all(b, [1].all(c, true)))', /comprehensions 3 deep/],
    ['comprehensions over one another', '[1].map(a, [a,a]).map(b, [b,b]).map(c, c).size() == 1', /comprehensions 3 deep/],
    ['nine comprehensions', Array.from({ length: 9 }, () => '[1].all(a, true)').join(' && '), /has 9 comprehensions/],
    ['a computed pattern', '"a".matches(input.p)', /matches a pattern that is computed/],
    ['a long pattern', `"a".matches("${'a'.repeat(300)}")`, /has a pattern of 300 characters/],
    ['five patterns', Array.from({ length: 5 }, () => '"a".matches("a")').join(' || '), /has 5 patterns/],
    ['a message', 'google.protobuf.Timestamp{seconds: 1} == 1', /makes a "google.protobuf.Timestamp"/],
    ['a walk to the prototype', 'input.constructor == 1', /input has no member "constructor"/],
  ])('%s is refused before it runs', async (_what, text, message) => {
    const document = {
      name: 'w',
      input: { type: 'object', properties: { p: { type: 'string' } } },
      tasks: { a: { sleep: '1s', if: text } },
    }
    expect((await problemsOf(document)).join('\n')).toMatch(message)
  })

  test('a thousand tasks in a circle are refused with a way that can be read', async () => {
    const tasks = Object.fromEntries(
      Array.from({ length: 1000 }, (_, at) => [`t${at}`, { sleep: '1s', needs: `t${(at + 1) % 1000}` }]),
    )
    const [problem = ''] = await problemsOf({ name: 'w', tasks })
    expect(problem).toContain('circle: t0 → t1')
    expect(problem.length).toBeLessThan(400)
    expect((await problemsOf({ name: 'w', tasks: { ...tasks, more: { sleep: '1s' } } })).join('\n')).toMatch(
      /must be a map of 1 to 1000 tasks by name/,
    )
  })

  test('diamonds on diamonds take time in line with their number', async () => {
    const tasks: Record<string, unknown> = { s0: { sleep: '1s' } }
    for (let at = 0; at < 300; at += 1) {
      tasks[`l${at}`] = { sleep: '1s', needs: `s${at}` }
      tasks[`r${at}`] = { sleep: '1s', needs: `s${at}` }
      tasks[`s${at + 1}`] = { sleep: '1s', needs: [`l${at}`, `r${at}`], if: `tasks.l0.status == "completed"` }
    }
    expect(await problemsOf({ name: 'w', tasks })).toEqual([])
  })
})

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
    expect(Object.keys(properties.tasks.additionalProperties.properties)).toHaveLength(17)
    expect(Object.keys(properties satisfies Json)).toHaveLength(8)
  })
})
