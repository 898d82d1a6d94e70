import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool, OpspawnError } from '../../core/index.ts'
import { describeProblem, loadWorkflow, parseWorkflow, WORKFLOW_LIMITS } from './index.ts'
import { search, parts, problemsOf, one, BRIEF } from '../../../test/fixtures/workflow-documents.ts'

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
    [
      'an expression without an end',
      one({ tool: 'web.search', with: { query: 'a ${{ b' } }),
      /"\$\{\{" at character 3 has no "\}\}"/,
    ],
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
