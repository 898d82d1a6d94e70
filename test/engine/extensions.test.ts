import { afterEach, describe, expect, test } from 'vitest'
import {
  type Agent,
  createOrchestrator,
  defineAgent,
  defineExtension,
  type EffectMiddleware,
  type Extension,
  type ExtensionHost,
  type Json,
  OpspawnError,
} from '../../src/index.ts'
import { scriptedModel } from '../../src/testing/index.ts'
import { ask, call, child, noting, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, now, ofType, outcomeAt, outcomeOf, settle, world } from './support/world.ts'

afterEach(closeAll)

function layer(middleware: EffectMiddleware, name = 'layer'): Extension {
  return defineExtension({ name, setup: (host) => host.addMiddleware(middleware) })
}

function caller(...tools: Parameters<typeof defineAgent>[0]['tools'] & object): Agent {
  return defineAgent({ name: 'caller', tools, planner: stepsPlanner([call('step', { n: 1 })]) }) as unknown as Agent
}

describe('extensions', () => {
  test('a tool that an extension adds is used by name', async () => {
    const tool = noting('step')
    const extension = defineExtension({ name: 'more', setup: (host) => host.add(tool) })
    const { ops } = await world({ agents: [caller('step')], plugins: [extension] })
    expect(await (await ops.start('caller', 'go')).result).toEqual({ status: 'completed', output: ['step done'] })
  })

  test('an agent that an extension adds can be started', async () => {
    const agent = defineAgent({ name: 'added', planner: planner(() => ({ type: 'finish', output: 'here' })) })
    const extension = defineExtension({ name: 'more', setup: (host) => host.add(agent as unknown as Agent) })
    const { ops } = await world({ plugins: [extension] })
    expect(await (await ops.start('added', 'go')).result).toEqual({ status: 'completed', output: 'here' })
  })

  test('a rule that an extension adds holds beside the others', async () => {
    const rule = { verdict: 'deny', tool: 'step', arguments: { '/n': { equals: 1 } } } as const
    const extension = defineExtension({ name: 'strict', setup: (host) => host.addRule(rule) })
    const { ops } = await world({
      agents: [caller(noting('step'))],
      plugins: [extension],
      policy: { rules: [{ verdict: 'allow' }] },
    })
    expect(await (await ops.start('caller', 'go')).result).toMatchObject({ output: ['denied: POLICY_DENIED'] })
  })

  test('an observer sees every recorded event of every run, once and in order', async () => {
    const seen: string[] = []
    const extension = defineExtension({
      name: 'watcher',
      setup: (host) => host.observe((runId, event) => seen.push(`${runId} ${event.seq} ${event.type}`)),
    })
    const helper = defineAgent({ name: 'helper', planner: planner(() => ({ type: 'finish', output: 1 })) })
    const agent = defineAgent({ name: 'chief', agents: [helper], planner: stepsPlanner([child('helper')]) })
    const { ops } = await world({ agents: [agent, helper], plugins: [extension] })
    const run = await ops.start(agent, 'go')
    await run.result
    expect(new Set(seen).size).toBe(seen.length)
    for (const { runId } of (await ops.list({ rootId: run.id })).runs) {
      const written = await historyOf(ops, runId)
      expect(seen.filter((line) => line.startsWith(`${runId} `))).toEqual(
        written.map(({ seq, type }) => `${runId} ${seq} ${type}`),
      )
    }
  })

  test.each<[string, (host: ExtensionHost) => unknown, RegExp]>([
    [
      'a middleware that is missing',
      (host) => host.addMiddleware(undefined as never),
      /addMiddleware takes a function, not undefined/,
    ],
    ['a middleware that is a text', (host) => host.addMiddleware('x' as never), /addMiddleware takes a function, not "x"/],
    ['an observer that is missing', (host) => host.observe(undefined as never), /observe takes a function, not undefined/],
    ['an undoing that is no function', () => ({ close() {} }), /setup gave an object/],
    ['an undoing that comes later and is no function', () => Promise.resolve('x'), /setup gave "x"/],
  ])('%s is refused with the name of the extension', async (_what, setup, text) => {
    const extension = defineExtension({ name: 'shaky', setup: setup as never })
    const error: unknown = await world({ plugins: [extension] }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'PLUGIN_INVALID', message: expect.stringMatching(text) as string })
    expect((error as Error).message).toContain('extension "shaky"')
  })

  test('requires: an extension is set up behind those that it needs, or refused', async () => {
    const order: string[] = []
    const named = (name: string, requires?: string[]): Extension =>
      defineExtension({ name, requires, setup: () => void order.push(name) })
    await world({ plugins: [named('a'), named('b', ['a']), named('c', ['a', 'b'])] })
    expect(order).toEqual(['a', 'b', 'c'])
    await expect(world({ plugins: [named('b', ['a']), named('a')] })).rejects.toMatchObject({
      code: 'PLUGIN_CAPABILITY_MISSING',
      message: expect.stringContaining('register it after') as string,
    })
    await expect(world({ plugins: [named('b', ['a'])] })).rejects.toMatchObject({ code: 'PLUGIN_CAPABILITY_MISSING' })
  })

  test('two of one name are refused', async () => {
    const one = defineExtension({ name: 'x', setup: () => {} })
    await expect(world({ plugins: [one, { ...one }] })).rejects.toMatchObject({ code: 'NAME_DUPLICATE' })
  })

  test('an asynchronous set-up is awaited before anything runs', async () => {
    const tool = noting('step')
    const extension = defineExtension({
      name: 'later',
      async setup(host) {
        await new Promise(setImmediate)
        host.add(tool)
      },
    })
    const { ops } = await world({ agents: [caller('step')], plugins: [extension] })
    expect(await (await ops.start('caller', 'go')).result).toMatchObject({ status: 'completed' })
  })

  test('a host that is used after the set-up says so instead of doing nothing', async () => {
    let kept: Parameters<Extension['setup']>[0] | undefined
    const extension = defineExtension({ name: 'late', setup: (host) => void (kept = host) })
    await world({ agents: [caller(noting('step'))], plugins: [extension] })
    expect(() => kept?.addRule({ verdict: 'deny' })).toThrow(OpspawnError)
  })
})

describe('middleware', () => {
  test('the first registered is the outermost', async () => {
    const order: string[] = []
    const around =
      (name: string): EffectMiddleware =>
      async (_effect, _context, next) => {
        order.push(`${name} in`)
        const value = await next()
        order.push(`${name} out`)
        return value
      }
    const { ops } = await world({ agents: [caller(noting('step'))], plugins: [layer(around('a'), 'a'), layer(around('b'), 'b')] })
    await (
      await ops.start('caller', 'go')
    ).result
    expect(order).toEqual(['a in', 'b in', 'b out', 'a out'])
  })

  test('it sees each attempt with its number', async () => {
    const seen: string[] = []
    let tries = 0
    const flaky = noting('step', () => {
      tries += 1
      if (tries < 3) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
      return 'ok'
    })
    const watching: EffectMiddleware = (effect, context, next) => {
      seen.push(`${effect.kind} ${effect.key} ${context.attempt} ${context.agent} ${context.tenant}`)
      return next()
    }
    const { ops, clock } = await world({ agents: [caller(flaky)], plugins: [layer(watching)] })
    await outcomeOf(clock, await ops.start('caller', 'go', { tenant: 'acme' }))
    expect(seen).toEqual(['tool step 1 caller acme', 'tool step 2 caller acme', 'tool step 3 caller acme'])
  })

  test('it may replace a value, and what it gives is what is recorded and seen', async () => {
    const replacing: EffectMiddleware = async (_effect, _context, next) => `${(await next()) as string}!`
    const { ops } = await world({ agents: [caller(noting('step'))], plugins: [layer(replacing)] })
    const run = await ops.start('caller', 'go')
    expect(await run.result).toEqual({ status: 'completed', output: ['step done!'] })
    expect(outcomeAt(await historyOf(ops, run.id), 'step')).toEqual({ status: 'completed', value: 'step done!' })
  })

  test('it may answer itself: the body is not entered', async () => {
    const tool = noting('step')
    const { ops } = await world({ agents: [caller(tool)], plugins: [layer(() => Promise.resolve('cached'))] })
    expect(await (await ops.start('caller', 'go')).result).toEqual({ status: 'completed', output: ['cached'] })
    expect(tool.calls).toHaveLength(0)
  })

  test('throwing is a failure of the effect, synchronously too', async () => {
    for (const broken of [
      (() => {
        throw new Error('guard says no')
      }) as EffectMiddleware,
      (() => Promise.reject(new Error('guard says no'))) as EffectMiddleware,
    ]) {
      const { ops } = await world({ agents: [caller(noting('step'))], plugins: [layer(broken)] })
      const run = await ops.start('caller', 'go')
      expect(await run.result).toEqual({ status: 'completed', output: ['failed: TOOL_FAILED'] })
    }
  })

  test('a coded error keeps its code', async () => {
    const broken: EffectMiddleware = () => Promise.reject(new OpspawnError('POLICY_DENIED', 'a guardrail refused'))
    const { ops } = await world({ agents: [caller(noting('step'))], plugins: [layer(broken)] })
    expect(await (await ops.start('caller', 'go')).result).toMatchObject({ output: ['failed: POLICY_DENIED'] })
  })

  test('a value that is not JSON is a failure, not a broken history', async () => {
    const broken: EffectMiddleware = () => Promise.resolve(1n as unknown as Json)
    const { ops } = await world({ agents: [caller(noting('step'))], plugins: [layer(broken)] })
    expect(await (await ops.start('caller', 'go')).result).toMatchObject({
      status: 'completed',
      output: ['failed: TOOL_OUTPUT_INVALID'],
    })
  })

  test.each([null, 'text', {}, { content: 'x' }])(
    "a model answer replaced by %j fails the call, and the run's history stays readable",
    async (value) => {
      const agent = defineAgent({ name: 'talker', model: scriptedModel(['hi'], { repeat: true }) })
      const { ops, clock, faults } = await world({ agents: [agent], plugins: [layer(() => Promise.resolve(value))] })
      const run = await ops.start(agent, 'go')
      expect(await outcomeOf(clock, run, { steps: 60 })).toMatchObject({
        status: 'failed',
        error: { code: 'MODEL_ANSWER_INVALID' },
      })
      expect(faults).toEqual([])
    },
  )

  test("a replaced value must fit the tool's output schema too", async () => {
    const strict = { ...noting('step', () => 1), output: { type: 'number' } }
    const agent = defineAgent({ name: 'caller', tools: [strict], planner: stepsPlanner([call('step')]) })
    const { ops } = await world({ agents: [agent], plugins: [layer(() => Promise.resolve('text'))] })
    expect(await (await ops.start(agent, 'go')).result).toMatchObject({ output: ['failed: TOOL_OUTPUT_INVALID'] })
  })

  test('it wraps model calls, and a cache of answers spares the model', async () => {
    const model = scriptedModel(['hi'])
    const cache = new Map<string, Json>()
    const caching: EffectMiddleware = async (effect, _context, next) => {
      const known = cache.get(effect.kind)
      if (known !== undefined) return known
      const value = await next()
      cache.set(effect.kind, value)
      return value
    }
    const agent = defineAgent({ name: 'talker', model })
    const { ops } = await world({ agents: [agent], plugins: [layer(caching)] })
    for (let round = 0; round < 3; round += 1) {
      expect(await (await ops.start(agent, 'go')).result).toEqual({ status: 'completed', output: 'hi' })
    }
    expect(model.calls).toHaveLength(1)
  })

  test('calling next twice runs the body twice: middleware may retry by itself', async () => {
    const tool = noting('step')
    const twice: EffectMiddleware = async (_effect, _context, next) => [await next(), await next()]
    const { ops } = await world({ agents: [caller(tool)], plugins: [layer(twice)] })
    expect(await (await ops.start('caller', 'go')).result).toEqual({ status: 'completed', output: [['step done', 'step done']] })
  })

  test('its signal fires on cancellation', async () => {
    let signal: AbortSignal | undefined
    const hanging: EffectMiddleware = (_effect, context) => {
      signal = context.signal
      return new Promise(() => {})
    }
    const { ops, clock } = await world({ agents: [caller(noting('step'))], plugins: [layer(hanging)] })
    const run = await ops.start('caller', 'go')
    await settle(clock)
    await run.cancel()
    expect(await now(clock, run.result)).toMatchObject({ status: 'cancelled' })
    expect(OpspawnError.is(signal?.reason, 'RUN_CANCELLED')).toBe(true)
  })

  test('a middleware that never settles is subject to the time limit of the effect', async () => {
    const agent = defineAgent({
      name: 'caller',
      tools: [noting('step', undefined, { timeoutMs: 5000, retry: { attempts: 1 } })],
      planner: stepsPlanner([call('step')]),
    })
    const { ops, clock } = await world({ agents: [agent], plugins: [layer(() => new Promise(() => {}))] })
    expect(await outcomeOf(clock, await ops.start(agent, 'go'), { steps: 10 })).toMatchObject({
      output: ['failed: TOOL_TIMEOUT'],
    })
  })

  test('it never sees child runs, waits or what policy refused', async () => {
    const kinds: string[] = []
    const watching: EffectMiddleware = (effect, _context, next) => {
      kinds.push(effect.kind)
      return next()
    }
    const helper = defineAgent({ name: 'helper', planner: planner(() => ({ type: 'finish', output: 1 })) })
    const agent = defineAgent({
      name: 'chief',
      agents: [helper],
      tools: [noting('step'), noting('bad')],
      planner: stepsPlanner([
        child('helper'),
        call('step'),
        call('bad', { n: 1 }),
        { kind: 'wait', key: 'w', for: { type: 'time', ms: 1 } },
      ]),
    })
    const rules = [{ verdict: 'deny', tool: 'bad', arguments: { '/n': { exists: true } } }] as const
    const { ops, clock } = await world({ agents: [agent, helper], plugins: [layer(watching)], policy: { rules } })
    await outcomeOf(clock, await ops.start(agent, 'go'))
    expect(kinds).toEqual(['tool'])
  })

  test('an unsafe call whose middleware fails before the body is entered says so and is not unknown', async () => {
    const tool = noting('step', undefined, { effect: 'unsafe' })
    const { ops } = await world({ agents: [caller(tool)], plugins: [layer(() => Promise.reject(new Error('no')))] })
    const run = await ops.start('caller', 'go')
    expect(await run.result).toMatchObject({ output: ['failed: TOOL_FAILED'] })
    expect(ofType(await historyOf(ops, run.id), 'effect-start')).toHaveLength(1)
  })
})

test('an orchestrator of nothing is fine', async () => {
  await using ops = await createOrchestrator({ announce: false })
  expect(ops.agents()).toEqual([])
  await expect(ops.start('nobody', 'x')).rejects.toMatchObject({ code: 'AGENT_UNKNOWN' })
})

test('a model effect of a custom planner without a default model is MODEL_UNKNOWN', async () => {
  const agent = defineAgent({ name: 'none', planner: stepsPlanner([ask('hi')]) })
  const { ops } = await world({ agents: [agent] })
  expect(await (await ops.start(agent, 'go')).result).toMatchObject({ output: ['failed: MODEL_UNKNOWN'] })
})
