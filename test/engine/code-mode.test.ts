/** Scripts that models write: each call is an effect of the engine's like any other. */
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import {
  type Agent,
  createOrchestrator,
  defineAgent,
  type Json,
  type Orchestrator,
  type Policy,
  type RunEvent,
} from '../../src/index.ts'
import {
  codeMode,
  type CodeModeOptions,
  quickjsSandbox,
  type Sandbox,
  type SandboxSession,
} from '../../src/plugins/sandbox-quickjs/index.ts'
import { scriptedModel } from '../../src/testing/index.ts'
import { noting, type NotingTool } from './support/parts.ts'
import { historyOf } from './support/world.ts'

const sandbox = quickjsSandbox({ threads: 3 })
afterAll(() => sandbox[Symbol.asyncDispose]())

const opened: Orchestrator[] = []
afterEach(async () => {
  for (const ops of opened.splice(0)) await ops.close()
})

const double = (more = {}): NotingTool => noting('double', ({ n }) => (n as number) * 2, { effect: 'unsafe', ...more })

interface World {
  readonly ops: Orchestrator
  readonly model: ReturnType<typeof scriptedModel>
}

/** An agent whose model writes one script, and then says that it is done. */
async function world(code: string, options: Partial<CodeModeOptions>, policy?: Policy): Promise<World> {
  const model = scriptedModel([{ toolCalls: [{ name: 'script', input: { code } }] }, 'done'])
  const script = codeMode({ name: 'script', sandbox, ...options }) as Agent
  const agent = defineAgent({ name: 'writer', model, agents: [script] }) as Agent
  const ops = await createOrchestrator({ agents: [agent, script], announce: false, ...(policy && { policy }) })
  opened.push(ops)
  return { ops, model }
}

async function play(
  code: string,
  options: Partial<CodeModeOptions>,
  policy?: Policy,
): Promise<World & { readonly told: string; readonly child: readonly RunEvent[] }> {
  const made = await world(code, options, policy)
  const run = await made.ops.start('writer', 'go')
  expect(await run.result).toEqual({ status: 'completed', output: 'done' })
  const child = (await made.ops.list()).runs.find(({ agent }) => agent === 'script')
  const history = await historyOf(made.ops, child?.runId as string)
  return { ...made, told: JSON.stringify(made.model.calls[1]?.options.prompt), child: history }
}

const ends = (events: readonly RunEvent[]): readonly (readonly [string, string])[] =>
  events.flatMap((event) => (event.type === 'effect-end' ? [[event.key, event.outcome.status] as const] : []))

test('each call is an effect of the run of the script, and the model is told the result and the console', async () => {
  const tool = double()
  const code = 'const [a, b] = await Promise.all([tools.double({ n: 1 }), tools.double({ n: 2 })]); console.log(a); return a + b'
  const { told, child } = await play(code, { tools: [tool] })
  expect(tool.calls.map(({ input, context }) => [input, context.key, context.agent])).toEqual([
    [{ n: 1 }, 'double', 'script'],
    [{ n: 2 }, 'double#2', 'script'],
  ])
  expect(Object.fromEntries(ends(child))).toEqual({ double: 'completed', 'double#2': 'completed' })
  expect(told).toContain('"value":{"result":6,"console":["2"]}')
})

test('the model sees the tools as declarations, in the description of the script', async () => {
  const { model } = await play('return 1', { tools: [double()] })
  const [shown] = model.calls[0]?.options.tools ?? []
  expect(shown).toMatchObject({ name: 'script', description: expect.stringContaining('declare const tools: {\n') as string })
  expect((shown as { description: string }).description).toContain('double(input: Record<string, any>): Promise<any>')
})

test('what fails is thrown, and a script that does not catch it is told to the model with its place', async () => {
  const tool = noting('double', () => {
    throw new Error('no luck')
  })
  const caught = await play('try { await tools.double({}) } catch (e) { return [e.code, e.message] }', { tools: [tool] })
  expect(caught.told).toContain('["TOOL_FAILED","no luck"]')
  const thrown = await play('\n await tools.double({})', { tools: [tool] })
  expect(thrown.told).toContain('TOOL_FAILED: ToolError: no luck (line 2')
})

test('the 51st call is refused, without being made', async () => {
  const tool = double()
  const code =
    'let n = 0; try { for (;;) { await tools.double({ n }); n += 1 } } catch (e) { return [n, e.code, e.details.reason] }'
  const { told } = await play(code, { tools: [tool] })
  expect(told).toContain('[50,"TOOL_FAILED","calls"]')
  expect(tool.calls).toHaveLength(50)
})

test('a loop ends the script, and the agent goes on', async () => {
  const { told } = await play('for (;;);', { tools: [double()], limits: { fuel: 100 } })
  expect(told).toContain('TOOL_TIMEOUT: the code did more than 100 units of work')
})

describe('rules', () => {
  const code = 'try { return await tools.double({ n: 4 }) } catch (e) { return [e.code, e.details?.status ?? null] }'

  test('a denied tool is not there', async () => {
    const tool = double()
    const { told } = await play(code, { tools: [tool] }, { rules: [{ agent: 'script', tool: 'double', verdict: 'deny' }] })
    expect(told).toContain('["TOOL_UNKNOWN",null]')
    expect(tool.calls).toHaveLength(0)
  })

  test('arguments that are denied are thrown as refused', async () => {
    const tool = double()
    const rules = [{ tool: 'double', verdict: 'deny', arguments: { '/n': { above: 3 } } }] as const
    const { told } = await play(code, { tools: [tool] }, { rules })
    expect(told).toContain('["POLICY_DENIED","denied"]')
    expect(tool.calls).toHaveLength(0)
  })

  test('what is denied to the agent that calls the script is denied to the script', async () => {
    const tool = double()
    const other = await play(code, { tools: [tool] }, { rules: [{ agent: 'another', tool: 'double', verdict: 'deny' }] })
    expect(other.told).toContain('"result":8')
    const rules = [{ agent: 'writer', tool: 'double', verdict: 'deny', arguments: { '/n': { above: 3 } } }] as const
    const { told } = await play(code, { tools: [tool] }, { rules })
    expect(told).toContain('["POLICY_DENIED","denied"]')
    expect(tool.calls).toHaveLength(1)
  })

  test('what the agent that calls the script must ask for, the script must ask for', async () => {
    const tool = double()
    const { ops } = await world(code, { tools: [tool] }, { rules: [{ agent: 'writer', tool: 'double', verdict: 'ask' }] })
    const run = await ops.start('writer', 'go')
    const [asked] = await waiting(async () => (await run.approvals()).filter(({ kind }) => kind === 'approval'))
    expect(asked).toMatchObject({ tool: 'double', input: { n: 4 } })
    expect(tool.calls).toHaveLength(0)
    const child = await ops.run(asked?.runId as string)
    await child.deny('double', { by: 'ada' })
    expect(await run.result).toEqual({ status: 'completed', output: 'done' })
    expect(tool.calls).toHaveLength(0)
  })

  test.each([
    [true, '"result":8'],
    [false, '["APPROVAL_DENIED","denied"]'],
  ])('what a person is asked about waits, durably, approved: %s', async (approved, result) => {
    const tool = double()
    const { ops, model } = await world(code, { tools: [tool] }, { rules: [{ tool: 'double', verdict: 'ask' }] })
    const run = await ops.start('writer', 'go')
    const [asked] = await waiting(async () => (await run.approvals()).filter(({ kind }) => kind === 'approval'))
    expect(asked).toMatchObject({ agent: 'script', tool: 'double', input: { n: 4 } })
    expect(tool.calls).toHaveLength(0)
    const child = await ops.run(asked?.runId as string)
    await (approved ? child.approve('double', { by: 'ada' }) : child.deny('double', { by: 'ada' }))
    expect(await run.result).toEqual({ status: 'completed', output: 'done' })
    expect(JSON.stringify(model.calls[1]?.options.prompt)).toContain(result)
    expect(tool.calls).toHaveLength(approved ? 1 : 0)
  })
})

test('cancelling the run cancels what the script waits for', async () => {
  const begun = Promise.withResolvers<AbortSignal>()
  const tool = noting('hang', (_input, { signal }) => {
    begun.resolve(signal)
    return new Promise(() => {})
  })
  const { ops } = await world('await tools.hang({})', { tools: [tool] })
  const run = await ops.start('writer', 'go')
  const signal = await begun.promise
  await run.cancel('enough')
  expect(await run.result).toMatchObject({ status: 'cancelled' })
  expect(signal.aborted).toBe(true)
})

test('a run is cancelled at once while its script computes; only the thread goes on until the limit', async () => {
  const begun = Promise.withResolvers<void>()
  let isAtRest = false
  await using inner = quickjsSandbox({ threads: 1, warm: 0 })
  const watched: Sandbox = {
    ...inner,
    async open(task, options) {
      const session = await inner.open(task, options)
      const step: SandboxSession['step'] = (answers, more) => {
        begun.resolve()
        return session.step(answers, more).finally(() => (isAtRest = true))
      }
      return { isOpen: true, step, [Symbol.dispose]: () => session[Symbol.dispose]() }
    },
  }
  const limits = { fuel: 1_000_000, cpuMs: 60_000, wallMs: 120_000 }
  const { ops } = await world('for (;;);', { sandbox: watched, limits })
  const run = await ops.start('writer', 'go')
  await begun.promise
  await run.cancel('enough')
  expect(await run.result).toMatchObject({ status: 'cancelled' })
  expect(isAtRest).toBe(false)
})

test('agents are called like tools', async () => {
  const expert = defineAgent({ name: 'expert', model: scriptedModel(['forty-two']), description: 'Knows.' }) as Agent
  const model = scriptedModel([
    { toolCalls: [{ name: 'script', input: { code: 'return await tools.expert({ input: "why?" })' } }] },
    'done',
  ])
  const script = codeMode({ name: 'script', sandbox, agents: [expert] }) as Agent
  expect(script.description).toContain('expert(input: { input: string }): Promise<string>')
  const writer = defineAgent({ name: 'writer', model, agents: [script] }) as Agent
  const ops = await createOrchestrator({ agents: [writer, script, expert], announce: false })
  opened.push(ops)
  await (
    await ops.start('writer', 'go')
  ).result
  expect(JSON.stringify(model.calls[1]?.options.prompt)).toContain('"result":"forty-two"')
})

test('options that are wrong are refused', () => {
  expect(() => codeMode({ name: 'x', tool: [] } as never)).toThrow(/cannot have a member "tool"/)
  expect(() => codeMode({ name: 'x', tools: double() } as never)).toThrow(/must be lists/)
  expect(() => codeMode({ name: 'x', limits: { calls: 0 } })).toThrow(/calls must be a whole number from 1 to 1000/)
})

async function waiting<T extends readonly Json[] | readonly object[]>(ask: () => Promise<T>): Promise<T> {
  for (let count = 0; count < 2000; count += 1) {
    const found = await ask()
    if (found.length > 0) return found
    await new Promise((resolve) => void setTimeout(resolve, 20))
  }
  throw new Error('it does not come')
}
