import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, jsonSchema, type Memory, OpspawnError, type RunEvent, userMessage } from '../../src/index.ts'
import { replay } from '../../src/orchestrator/index.ts'
import { toolsPlanner } from '../../src/plugins/planner-tools/index.ts'
import { promptText, scriptedModel } from '../../src/testing/index.ts'
import { fleet } from './support/fleet.ts'
import { closeAll, ofType, outcomeAt, outcomeOf, until, world } from './support/world.ts'
import { planners, FINAL, quiet, play, type Played, records, blockOf } from './support/remembering-agents.ts'

afterEach(closeAll)

const effectsOf = (history: readonly RunEvent[]): readonly string[] =>
  ofType(history, 'decision').flatMap(({ effects }) => effects.map(({ key }) => key))

/** The same memory, but one of its appends is refused. */
function refusing(memory: Memory, which: number): Memory {
  let calls = 0
  const refuse = () => Promise.reject(new OpspawnError('MEMORY_FAILED', 'full', { retryable: false }))
  const bind: Memory['bind'] = (...scope) => {
    const handle = memory.bind(...scope)
    return { ...handle, append: (...call) => ((calls += 1) === which ? refuse() : handle.append(...call)) }
  }
  return { ...memory, bind }
}

describe.each(planners)('the %s planner and a memory', (_name, makePlanner, script) => {
  test('keeps what was said, finds it in another session when it may, and the model reads it', async () => {
    const memory = quiet()
    const model = scriptedModel([...script, ...script])
    const agent = defineAgent({ name: 'guide', memory, model, planner: makePlanner({ recall: { across: ['session'] } }) })
    const [first, second] = await play(
      agent,
      ['My otter is called Olga.', { session: 'monday' }],
      ['What is the otter called?', { session: 'tuesday' }],
    )
    expect([first?.outcome, second?.outcome]).toEqual([
      { status: 'completed', output: 'Noted.' },
      { status: 'completed', output: 'Noted.' },
    ])
    const kept = await records(memory, { session: 'monday' })
    expect(kept).toMatchObject([
      { kind: 'message', role: 'user', text: 'My otter is called Olga.', source: { run: first?.runId, agent: 'guide' } },
      { kind: 'message', role: 'assistant', text: 'Noted.', source: { run: first?.runId, agent: 'guide' } },
    ])
    const asked = model.calls[script.length]
    expect(blockOf(asked)).toContain('My otter is called Olga.')
    expect(blockOf(asked)).toContain(`"id":"${kept[0]?.id}"`)
    const found = outcomeAt(second?.history ?? [], 'memory-recall')?.value as {
      items: { record: { id: string }; score: number }[]
    }
    expect(found.items.find(({ record }) => record.id === kept[0]?.id)?.score).toBeGreaterThan(0)
    expect(blockOf(model.calls[0])).toBeUndefined()
    model.assertComplete()
  })

  test('another session sees nothing where it is not told to look there, another tenant never', async () => {
    const memory = quiet()
    const model = scriptedModel([...script, ...script, ...script])
    const agent = defineAgent({ name: 'guide', memory, model, planner: makePlanner() })
    await play(agent, ['My otter is called Olga.', { session: 'ada' }], ['otter?', { session: 'ben' }])
    const wide = defineAgent({ ...agent, planner: makePlanner({ recall: { across: ['session'] } }) })
    await play(wide, ['otter?', { session: 'ada', tenant: 'other' }])
    for (const call of model.calls.slice(script.length)) expect(promptText(call.options)).not.toContain('Olga')
    model.assertComplete()
  })

  test('without a memory on the agent, or switched off, a run is what it was: no effect and no byte more', async () => {
    const plain = scriptedModel(script)
    const off = scriptedModel(script)
    const start = ['Hello.', { messages: [userMessage('Before.')], session: 's' }] as const
    const [bare] = await play(defineAgent({ name: 'guide', model: plain, planner: makePlanner() }), start)
    const [without] = await play(defineAgent({ name: 'guide', memory: quiet(), model: off, planner: makePlanner(false) }), start)
    expect(effectsOf(bare?.history ?? []).some((key) => key.startsWith('memory'))).toBe(false)
    const bodies = (played: Played | undefined) => (played?.history ?? []).slice(2).map(({ at: _at, ...event }) => event)
    expect(bodies(without)).toEqual(bodies(bare))
    expect(off.calls.map(({ options }) => options.prompt)).toEqual(plain.calls.map(({ options }) => options.prompt))
  })

  test('without a memory on the agent, a session is recorded as it was', async () => {
    const model = scriptedModel([...script, ...script])
    const agent = defineAgent({ name: 'guide', model, planner: makePlanner() })
    const [, second] = await play(agent, ['One.', { session: 's' }], ['Two.', { session: 's' }])
    const [load] = ofType(second?.history ?? [], 'session-load')
    expect(Object.keys(load ?? {}).toSorted()).toEqual(['at', 'messages', 'seq', 'type', 'version'])
    expect(effectsOf(second?.history ?? []).some((key) => key.startsWith('memory'))).toBe(false)
  })

  test('a memory that is down costs no run: the model is told, the history has the failures', async () => {
    const broken = { ...quiet(), bind: () => ({ recall: down, append: down }) } as unknown as Memory
    const model = scriptedModel(script)
    const agent = defineAgent({ name: 'guide', memory: broken, model, planner: makePlanner() })
    const [only] = await play(agent, ['Hello.'])
    expect(only?.outcome).toEqual({ status: 'completed', output: 'Noted.' })
    expect(blockOf(model.calls[0])).toContain('MEMORY_FAILED')
    expect(outcomeAt(only?.history ?? [], 'memory-recall')).toMatchObject({ code: 'MEMORY_FAILED' })
    expect(outcomeAt(only?.history ?? [], 'memory-turn-0')).toMatchObject({ code: 'MEMORY_FAILED' })
  })

  test('a fork of a run that is done makes its last answer anew, not only the keeping of it', async () => {
    const memory = quiet()
    const model = scriptedModel([...script, script.at(-1) ?? ''])
    const agent = defineAgent({ name: 'guide', memory, model, planner: makePlanner() })
    const { ops, clock } = await world({ agents: [agent] })
    await outcomeOf(clock, await ops.start(agent, 'Hello.', { runId: 'one' }))
    const fork = await ops.fork('one', { runId: 'two' })
    expect(await outcomeOf(clock, fork)).toEqual({ status: 'completed', output: 'Noted.' })
    model.assertComplete()
    expect((await records(memory)).map(({ id }) => id)).toEqual(['one.user', 'one.assistant', 'two.user', 'two.assistant'])
  })

  test('a recorded run is decided the same again', async () => {
    const memory = quiet()
    const model = scriptedModel([...script, ...script])
    const agent = defineAgent({ name: 'guide', memory, model, planner: makePlanner({ working: true }) })
    const all = await play(agent, ['One.', { session: 's' }], ['Two.', { session: 's' }])
    for (const { history } of all) expect(await replay(history, agent)).toMatchObject({ same: true })
  })

  test('a run that fails leaves nothing', async () => {
    const memory = quiet()
    const model = scriptedModel([
      () => {
        throw new OpspawnError('MODEL_FAILED', 'no credit')
      },
    ])
    const agent = defineAgent({ name: 'guide', memory, model, planner: makePlanner() })
    const [only] = await play(agent, ['Hello.'])
    expect(only?.outcome).toMatchObject({ status: 'failed', error: { code: 'MODEL_FAILED' } })
    expect(await records(memory)).toEqual([])
  })

  describe.each(['before', 'after'] as const)('with a worker that dies %s an append is written', (moment) => {
    test.each([0, 1, 2, 3])('number %i: another one goes on, and the turn is kept once', async (dieAt) => {
      const memory = quiet()
      // By what it is shown, so that a call that is made again gets the same answer.
      const model = scriptedModel(
        [({ prompt }) => script[prompt.filter(({ role }) => role === 'assistant').length] ?? 'too much'],
        { repeat: true },
      )
      const agent = defineAgent({ name: 'guide', memory, model, planner: makePlanner() })
      const group = await fleet([agent], { dieAt, moment })
      await group.first.ops.start(agent, 'Hello.', { runId: 'the-run' })
      await until(group.clock, 'the first worker dies', () => group.isDead())
      const { ops } = await group.second()
      expect(await outcomeOf(group.clock, await ops.run('the-run'))).toMatchObject({ status: 'completed' })
      expect((await records(memory)).map(({ id }) => id)).toEqual(['the-run.user', 'the-run.assistant'])
    })
  })
})

async function down(): Promise<never> {
  throw new Error('the disk is gone')
}

describe('an output that is refused', () => {
  const output = jsonSchema<{ n: number }>({ type: 'object', properties: { n: { type: 'number' } }, required: ['n'] })

  test('is superseded by the one that takes its place', async () => {
    const memory = quiet()
    const model = scriptedModel(['{"n":"one"}', '{"n":1}', 'ok'])
    const agent = defineAgent({ name: 'guide', memory, model, output, planner: toolsPlanner() }) as unknown as Agent
    const [only] = await play(agent, ['How many otters?'])
    expect(only?.outcome).toEqual({ status: 'completed', output: { n: 1 } })
    const [question, wrong, right] = await records(memory)
    expect(question).toMatchObject({ role: 'user', text: 'How many otters?' })
    expect(wrong).toMatchObject({ text: '{"n":"one"}', supersededBy: right?.id })
    expect(right).toMatchObject({ text: '{"n":1}', supersedes: wrong?.id })
    expect(await records(memory)).toHaveLength(3)
    const writes = ofType(only?.history ?? [], 'decision').flatMap(({ effects }) =>
      effects.filter(({ kind }) => kind === 'remember'),
    )
    expect(writes.map((effect) => (effect.kind === 'remember' ? effect.entries.length : 0))).toEqual([2, 1])
    expect(await replay(only?.history ?? [], agent)).toMatchObject({ same: true })
  })

  test('is not superseded where it was not kept: the question comes with the answer that is', async () => {
    const memory = quiet()
    const model = scriptedModel(['{"n":"one"}', '{"n":1}'])
    const agent = defineAgent({ name: 'guide', memory: refusing(memory, 1), model, output }) as unknown as Agent
    await play(agent, ['How many otters?'])
    expect((await records(memory)).map(({ text, supersedes }) => [text, supersedes])).toEqual([
      ['How many otters?', undefined],
      ['{"n":1}', undefined],
    ])
  })

  test('is superseded by the last of several, one of which the memory did not take', async () => {
    const memory = quiet()
    const model = scriptedModel(['{"n":"one"}', '{"n":"two"}', '{"n":1}'])
    const limits = { repairs: 2 }
    const agent = defineAgent({ name: 'guide', memory: refusing(memory, 2), model, output, limits }) as unknown as Agent
    await play(agent, ['How many otters?'])
    const kept = await records(memory)
    expect(kept.map(({ text }) => text)).toEqual(['How many otters?', '{"n":"one"}', '{"n":1}'])
    expect(kept[1]?.supersededBy).toBe(kept[2]?.id)
  })

  test.each(planners.slice(1))('also with the %s planner', async (_name, makePlanner, script) => {
    const memory = quiet()
    const answer = (text: string): string => (script[0] === FINAL ? `Thought: ok\nFinal Answer: ${text}` : text)
    const model = scriptedModel([...script.slice(0, -1), answer('{"n":"one"}'), answer('{"n":1}')])
    const agent = defineAgent({ name: 'guide', memory, model, output, planner: makePlanner() }) as unknown as Agent
    const [only] = await play(agent, ['How many otters?'])
    expect(only?.outcome).toEqual({ status: 'completed', output: { n: 1 } })
    expect((await records(memory)).map(({ text }) => text)).toEqual(['How many otters?', '{"n":"one"}', '{"n":1}'])
  })
})
