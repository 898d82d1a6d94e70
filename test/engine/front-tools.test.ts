import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  type Agent,
  auditOf,
  defineAgent,
  defineExtension,
  type Effect,
  type Json,
  OpspawnError,
  type PolicyRule,
  type RouteContext,
  type RunEvent,
  type Tool,
} from '../../src/index.ts'
import { call, noting, type NotingTool, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, now, ofType, outcomeAt, outcomeOf, world } from './support/world.ts'

afterEach(closeAll)

type Asked = { readonly tool?: string; readonly arguments?: Json }

/** A tool that stands in front of others: `{ tool, arguments }` is meant for one of them, anything else for itself. */
function front(behind: readonly Tool[], options: Partial<Tool> = {}): NotingTool {
  const tool = noting('proxy', () => 'the proxy itself')
  return {
    ...tool,
    route(input) {
      const { tool: name, arguments: args = {} } = input as Asked
      const found = behind.find((one) => one.name === name)
      return found === undefined ? undefined : { tool: found, input: args }
    },
    ...options,
  } as NotingTool
}

const through = (tool: string, args: Json = {}, key = 'it'): Effect => call('proxy', { tool, arguments: args }, key)

function clerk(tools: readonly Tool[], ...steps: readonly (readonly Effect[])[]): Agent {
  return defineAgent({ name: 'clerk', tools, planner: stepsPlanner(...steps) }) as unknown as Agent
}

async function ran(tool: NotingTool, steps: readonly (readonly Effect[])[], rules: readonly PolicyRule[] = []) {
  const agent = clerk([tool], ...steps)
  const made = await world({ agents: [agent], policy: { rules } })
  const run = await made.ops.start(agent, 'go')
  const outcome = await now(made.clock, run.result)
  return { ...made, run, outcome, events: await (outcome === undefined ? [] : historyOf(made.ops, run.id)) }
}

describe('a tool in front of others', () => {
  test('its call is made as one of the tool behind, and its own body is not entered', async () => {
    const write = noting('fs__write', ({ path }) => `wrote ${JSON.stringify(path)}`)
    const proxy = front([write])
    const { events } = await ran(proxy, [[through('fs__write', { path: '/a' })]])
    expect(outcomeAt(events, 'it')).toEqual({ status: 'completed', value: 'wrote "/a"' })
    expect(write.calls.map(({ input }) => input)).toEqual([{ path: '/a' }])
    expect(proxy.calls).toEqual([])
  })

  test('the history keeps what was asked for and shows what it was meant for', async () => {
    const { events } = await ran(front([noting('fs__write')]), [[through('fs__write', { path: '/a' })]])
    expect(ofType(events, 'decision')[0]?.effects).toEqual([through('fs__write', { path: '/a' })])
    expect(ofType(events, 'effect-route')).toMatchObject([{ key: 'it', tool: 'fs__write', hash: expect.any(String) as string }])
  })

  test('what is meant for itself enters its own body, and leaves no trace of a route', async () => {
    const proxy = front([noting('fs__write')])
    const { events } = await ran(proxy, [[call('proxy', { list: true })]])
    expect(outcomeAt(events, 'proxy')).toEqual({ status: 'completed', value: 'the proxy itself' })
    expect(ofType(events, 'effect-route')).toEqual([])
  })

  test('it is told who calls', async () => {
    const seen: RouteContext[] = []
    const proxy = front([], { route: (_input, context) => void seen.push(context) })
    const agent = clerk([proxy], [call('proxy')])
    const { ops, clock } = await world({ agents: [agent] })
    await outcomeOf(clock, await ops.start(agent, 'go', { tenant: 'acme', session: 's' }))
    expect(seen).toMatchObject([{ agent: 'clerk', tenant: 'acme', session: 's', caller: undefined }])
    expect(Object.keys(seen[0] ?? {})).toEqual(['agent', 'tenant', 'session', 'caller', 'isHidden'])
  })

  test('the arguments are checked against the schema of the tool behind', async () => {
    const write = { ...noting('fs__write'), input: z.object({ path: z.string() }) } as unknown as NotingTool
    const { events } = await ran(front([write]), [[through('fs__write', { path: 7 })]])
    expect(outcomeAt(events, 'it')).toMatchObject({ status: 'failed', code: 'TOOL_INPUT_INVALID' })
    expect(write.calls).toEqual([])
  })

  test('the result is checked against the schema of the tool behind, and its limits hold', async () => {
    const count = { ...noting('count', () => 'many'), output: z.number() } as unknown as NotingTool
    const { events } = await ran(front([count]), [[through('count')]])
    expect(outcomeAt(events, 'it')).toMatchObject({ status: 'failed', code: 'TOOL_OUTPUT_INVALID' })
  })

  test('failures that pass are tried again as the tool behind says', async () => {
    const flaky = noting('flaky', () => Promise.reject(Object.assign(new Error('away'), { code: 'ECONNRESET' })), {
      retry: { attempts: 2, baseMs: 1 },
    })
    const agent = clerk([front([flaky], { retry: { attempts: 4 } })], [through('flaky')])
    const { ops, clock } = await world({ agents: [agent] })
    await outcomeOf(clock, await ops.start(agent, 'go'))
    expect(flaky.calls).toHaveLength(2)
  })

  test('its calls share the places of the tool behind', async () => {
    let entered = 0
    let most = 0
    const slow = noting(
      'slow',
      async () => {
        entered += 1
        most = Math.max(most, entered)
        await Promise.resolve()
        entered -= 1
      },
      { concurrency: 1 },
    )
    await ran(front([slow]), [[through('slow', {}, 'a'), through('slow', {}, 'b'), through('slow', {}, 'c')]])
    expect(slow.calls).toHaveLength(3)
    expect(most).toBe(1)
  })

  test('an unsafe call is announced, a safe one is not, whatever the front tool says of itself', async () => {
    const pay = noting('pay', undefined, { effect: 'unsafe' })
    const look = noting('look')
    const steps = [[through('pay', {}, 'a')], [through('look', {}, 'b')]]
    const { events } = await ran(front([pay, look], { effect: 'unsafe' }), steps)
    expect(ofType(events, 'effect-start').map(({ key }) => key)).toEqual(['a'])
  })

  test('middleware sees the call that is made', async () => {
    const seen: Effect[] = []
    const watch = defineExtension({
      name: 'watch',
      setup: (host) => host.addMiddleware((effect, _context, next) => (seen.push(effect), next())),
    })
    const agent = clerk([front([noting('look')])], [through('look', { a: 1 })])
    const { ops, clock } = await world({ agents: [agent], plugins: [watch] })
    expect(await outcomeOf(clock, await ops.start(agent, 'go'))).toMatchObject({ output: ['look done'] })
    expect(seen).toMatchObject([{ kind: 'tool', tool: 'look', input: { a: 1 }, key: 'it' }])
  })
})

describe('rules about what is called through it', () => {
  const denied = { status: 'completed', output: ['denied: POLICY_DENIED'] }

  const path = { '/path': { exists: true } }
  test.each<[string, PolicyRule]>([
    ['the tool behind', { verdict: 'deny', tool: 'fs__write', arguments: path }],
    ['a pattern of tools', { verdict: 'deny', tool: 'fs__*', arguments: path }],
    ['the arguments of the tool behind', { verdict: 'deny', tool: 'fs__write', arguments: { '/path': { matches: '/etc/*' } } }],
    ['the front tool and its arguments', { verdict: 'deny', tool: 'proxy', arguments: { '/tool': { equals: 'fs__write' } } }],
  ])('a rule about %s holds', async (_, rule) => {
    const write = noting('fs__write')
    const { outcome } = await ran(front([write]), [[through('fs__write', { path: '/etc/passwd' })]], [rule])
    expect(outcome).toEqual(denied)
    expect(write.calls).toEqual([])
  })

  test('the strictest of both names decides, and the history names its rule', async () => {
    const rules: PolicyRule[] = [
      { name: 'may', verdict: 'allow', tool: 'fs__write' },
      { name: 'never', verdict: 'deny', tool: 'proxy', arguments: { '/arguments/path': { equals: '/b' } } },
    ]
    const steps = [[through('fs__write', { path: '/a' }, 'a')], [through('fs__write', { path: '/b' }, 'b')]]
    const { events } = await ran(front([noting('fs__write')]), steps, rules)
    expect(outcomeAt(events, 'a')).toMatchObject({ status: 'completed' })
    expect(outcomeAt(events, 'b')).toMatchObject({ status: 'denied' })
    expect(ofType(events, 'policy-verdict')).toMatchObject([{ key: 'b', verdict: 'deny', rule: 'never' }])
  })

  test('where nothing is allowed but by rules, both names need one', async () => {
    const allow = (tool: string): PolicyRule => ({ verdict: 'allow', tool })
    for (const [rules, expected] of [
      [[allow('proxy')], 'failed'],
      [[allow('proxy'), allow('fs__*')], 'completed'],
    ] as const) {
      const agent = clerk([front([noting('fs__write')])], [through('fs__write')])
      const { ops, clock } = await world({ agents: [agent], policy: { rules, otherwise: 'deny' } })
      const run = await ops.start(agent, 'go')
      await outcomeOf(clock, run)
      expect(outcomeAt(await historyOf(ops, run.id), 'it')?.status).toBe(expected)
    }
  })

  describe('one that is hidden', () => {
    const HIDE: readonly PolicyRule[] = [{ name: 'secret plan', verdict: 'deny', tool: 'fs__write', reason: 'secret reason' }]
    const told = (events: readonly RunEvent[]): string => JSON.stringify(ofType(events, 'effect-end')[0]?.outcome)

    test('fails as one that the agent was not given, and says neither rule nor reason; the history does', async () => {
      const [write, proxy] = [noting('fs__write'), front([])]
      const { events } = await ran(front([write]), [[through('fs__write')]], HIDE)
      expect(outcomeAt(events, 'it')).toEqual({ status: 'failed', code: 'TOOL_UNKNOWN' })
      expect(told(events)).toContain('agent \\"clerk\\" was not given tool \\"fs__write\\"')
      expect(told(events)).not.toContain('secret')
      const given = await ran(proxy, [[call('fs__write', {}, 'it')]])
      expect(told(given.events)).toBe(told(events))
      expect(ofType(events, 'policy-verdict')).toMatchObject([{ key: 'it', verdict: 'deny', rule: 'secret plan' }])
      expect(auditOf(events)).toMatchObject([
        { tool: 'fs__write', through: 'proxy', verdict: 'deny', rule: 'secret plan', attempts: 0 },
      ])
      expect([write.calls, proxy.calls]).toEqual([[], []])
    })

    test('is answered by the front tool as a name that there is not, where its route gives nothing for it', async () => {
      const behind = [noting('fs__write'), noting('fs__read')]
      const polite = (): NotingTool => {
        const made = front(behind)
        const route: Tool['route'] = (input, context) => {
          const found = made.route?.(input, context)
          return found === undefined || context.isHidden(found.tool.name) ? undefined : found
        }
        const execute = () => Promise.reject(new OpspawnError('TOOL_UNKNOWN', 'there is no such tool; there is fs__read'))
        return { ...made, route, execute } as NotingTool
      }
      const [hidden, unknown, seen] = await Promise.all(
        ['fs__write', 'nosuch', 'fs__read'].map((name) => ran(polite(), [[through(name)]], HIDE)),
      )
      expect(told(hidden?.events ?? [])).toBe(told(unknown?.events ?? []))
      expect(told(hidden?.events ?? [])).toContain('there is fs__read')
      expect(outcomeAt(seen?.events ?? [], 'it')).toMatchObject({ status: 'completed' })
    })

    test('is called in a dry run, and the verdict noted', async () => {
      const agent = clerk([front([noting('fs__write')])], [through('fs__write')])
      const { ops, clock } = await world({ agents: [agent], policy: { rules: HIDE, mode: 'dry-run' } })
      const run = await ops.start(agent, 'go')
      await outcomeOf(clock, run)
      const events = await historyOf(ops, run.id)
      expect(outcomeAt(events, 'it')).toMatchObject({ status: 'completed' })
      expect(ofType(events, 'policy-verdict')).toMatchObject([{ rule: 'secret plan', dryRun: true }])
    })
  })

  test('its body can tell which tools are not to be shown', async () => {
    const shown: boolean[] = []
    const proxy = front([])
    const lister = {
      ...proxy,
      execute: (_: unknown, context: { isHidden(tool: string): boolean }) => {
        shown.push(...['fs__read', 'fs__write', 'fs__move'].map((tool) => context.isHidden(tool)))
      },
    } as unknown as NotingTool
    await ran(
      lister,
      [[call('proxy')]],
      [
        { verdict: 'deny', tool: 'fs__write' },
        { verdict: 'deny', tool: 'fs__move', arguments: { '/to': { exists: true } } },
      ],
    )
    expect(shown).toEqual([false, true, false])
  })

  test('labels are those of the tool behind: what it brings in, and that it sends out', async () => {
    const secret = noting('secret', undefined, { labels: ['private'] })
    const web = noting('web', undefined, { labels: ['untrusted'] })
    const mail = noting('mail', undefined, { labels: ['outbound'] })
    const steps = [[through('secret', {}, 'a')], [through('web', {}, 'b')], [through('mail', {}, 'c')]]
    const { outcome, run } = await ran(front([secret, web, mail]), steps)
    expect(outcome).toBeUndefined()
    expect(await run.approvals()).toMatchObject([{ key: 'c', tool: 'mail', through: 'proxy' }])
    expect(mail.calls).toEqual([])
    const free = await ran(front([secret, web, mail]), [[through('secret', {}, 'a')], [through('mail', {}, 'c')]])
    expect(free.outcome).toMatchObject({ status: 'completed' })
  })
})

describe('routes that cannot be used', () => {
  const looped = front([], { name: 'loop' })
  test.each<[string, Partial<Tool>, string, RegExp]>([
    [
      'one that throws',
      {
        route: () => {
          throw new Error('no catalogue')
        },
      },
      'TOOL_FAILED',
      /"proxy".*no catalogue/,
    ],
    ['a promise', { route: (() => Promise.resolve()) as never }, 'PLUGIN_INVALID', /at once/],
    ['no tool', { route: () => ({ tool: 'fs__write', input: {} }) as never }, 'PLUGIN_INVALID', /\{ tool, input \}/],
    [
      'a broken tool',
      { route: () => ({ tool: { ...noting('x'), effect: 'odd' } as never, input: {} }) },
      'OPTIONS_INVALID',
      /"x"/,
    ],
    ['another front tool', { route: () => ({ tool: looped, input: {} }) }, 'PLUGIN_INVALID', /route of its own/],
    ['what is no JSON', { route: () => ({ tool: noting('x'), input: (() => 1) as never }) }, 'JSON_INVALID', /./],
    ['another tool of a registered name', { route: () => ({ tool: noting('proxy'), input: {} }) }, 'NAME_DUPLICATE', /"proxy"/],
  ])('%s fails the call', async (_, options, code, text) => {
    const { events } = await ran(front([], options), [[call('proxy', {}, 'it')]])
    expect(outcomeAt(events, 'it')).toMatchObject({ status: 'failed', code })
    const end = ofType(events, 'effect-end')[0]?.outcome
    expect(end?.status === 'failed' ? end.error.message : '').toMatch(text)
  })

  test('a transactional tool behind a front tool needs a store that has transactions', async () => {
    const book = noting('book', undefined, { effect: 'transactional' })
    const { events } = await ran(front([book]), [[through('book')]])
    expect(outcomeAt(events, 'it')).toMatchObject({ status: 'failed', code: 'PLUGIN_CAPABILITY_MISSING' })
  })
})
