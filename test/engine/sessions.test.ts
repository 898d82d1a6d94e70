import { afterEach, expect, test } from 'vitest'
import { defineAgent, systemMessage, userMessage } from '../../src/index.ts'
import { toolsPlanner } from '../../src/plugins/planner-tools/index.ts'
import { promptText, scriptedModel } from '../../src/testing/index.ts'
import { child, gate, noting, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, now, ofType, outcomeOf, settle, world } from './support/world.ts'

afterEach(closeAll)

test('runs of one session see each other in the order in which they were started', async () => {
  const model = scriptedModel([
    { text: 'one', expect: { messages: 1 } },
    { text: 'two', expect: { messages: 3, promptIncludes: ['first', 'one'] } },
    {
      text: 'three',
      expect: (options) => {
        const text = promptText(options)
        const places = ['first', 'one', 'second', 'two', 'third'].map((word) => text.indexOf(word))
        expect(places).toEqual(places.toSorted((a, b) => a - b))
        expect(places.every((place) => place >= 0)).toBe(true)
      },
    },
  ])
  const agent = defineAgent({ name: 'talker', model })
  const { ops } = await world({ agents: [agent] })
  for (const text of ['first', 'second', 'third']) await (await ops.start(agent, text, { session: 'ada' })).result
  model.assertComplete()
})

test('sessions, tenants and runs without a session are kept apart', async () => {
  const model = scriptedModel(Array.from({ length: 5 }, () => ({ text: 'ok', expect: { messages: 1 } })))
  const agent = defineAgent({ name: 'talker', model })
  const { ops } = await world({ agents: [agent] })
  await (
    await ops.start(agent, 'a', { session: 's', tenant: 'acme' })
  ).result
  await (
    await ops.start(agent, 'b', { session: 's', tenant: 'globex' })
  ).result
  await (
    await ops.start(agent, 'c', { session: 's' })
  ).result
  await (
    await ops.start(agent, 'd', { session: 't', tenant: 'acme' })
  ).result
  await (
    await ops.start(agent, 'e', { tenant: 'acme' })
  ).result
  model.assertComplete()
})

test('tenant and session names that read the same when joined are kept apart', async () => {
  const model = scriptedModel(Array.from({ length: 2 }, () => ({ text: 'ok', expect: { messages: 1 } })))
  const agent = defineAgent({ name: 'talker', model })
  const { ops } = await world({ agents: [agent] })
  await (
    await ops.start(agent, 'a', { tenant: 'a', session: 'bc' })
  ).result
  await (
    await ops.start(agent, 'b', { tenant: 'ab', session: 'c' })
  ).result
  model.assertComplete()
})

test('agents of one session share it', async () => {
  const one = defineAgent({ name: 'one', model: scriptedModel(['said by one']) })
  const two = defineAgent({ name: 'two', model: scriptedModel([{ text: 'ok', expect: { promptIncludes: 'said by one' } }]) })
  const { ops } = await world({ agents: [one, two] })
  await (
    await ops.start(one, 'x', { session: 's' })
  ).result
  expect(await (await ops.start(two, 'y', { session: 's' })).result).toMatchObject({ status: 'completed' })
})

test('runs that failed or were cancelled leave nothing', async () => {
  const failing = defineAgent({
    name: 'failing',
    planner: planner(() => ({ type: 'fail', error: { code: 'PLAN_FAILED', message: 'no', retryable: false } })),
  })
  const hanging = defineAgent({ name: 'hanging', model: scriptedModel([{ fault: 'hang' }]) })
  const model = scriptedModel([{ text: 'ok', expect: { messages: 1 } }])
  const agent = defineAgent({ name: 'talker', model })
  const { ops, clock } = await world({ agents: [failing, hanging, agent] })
  await (
    await ops.start(failing, 'a', { session: 's' })
  ).result
  const cancelled = await ops.start(hanging, 'b', { session: 's' })
  await settle(clock)
  await cancelled.cancel()
  await now(clock, cancelled.result)
  await (
    await ops.start(agent, 'c', { session: 's' })
  ).result
  model.assertComplete()
})

test('a run that has begun does not see what ends later', async () => {
  const open = gate()
  const slow = defineAgent({
    name: 'slow',
    tools: [noting('wait', () => open.promise)],
    model: scriptedModel([{ toolCalls: [{ name: 'wait' }] }, { text: 'slow', expect: { promptExcludes: 'quick answer' } }]),
  })
  const quick = defineAgent({
    name: 'quick',
    model: scriptedModel([{ text: 'quick answer', expect: { promptExcludes: 'slow start' } }]),
  })
  const { ops, clock } = await world({ agents: [slow, quick] })
  const first = await ops.start(slow, 'slow start', { session: 's' })
  await settle(clock)
  expect(await (await ops.start(quick, 'x', { session: 's' })).result).toMatchObject({ status: 'completed' })
  open.open()
  expect(await now(clock, first.result)).toEqual({ status: 'completed', output: 'slow' })
})

test('what a run saw of its session stands in its history', async () => {
  const agent = defineAgent({ name: 'talker', model: scriptedModel(['one', 'two']) })
  const { ops } = await world({ agents: [agent] })
  await (
    await ops.start(agent, 'first', { session: 's' })
  ).result
  const run = await ops.start(agent, 'second', { session: 's' })
  await run.result
  expect(ofType(await historyOf(ops, run.id), 'session-load')).toMatchObject([
    { messages: [{ role: 'user' }, { role: 'assistant', content: [{ type: 'text', text: 'one' }] }] },
  ])
})

test("messages given at the start come behind the session's", async () => {
  const model = scriptedModel([
    'one',
    {
      text: 'two',
      expect: (options) => {
        const text = promptText(options)
        expect(text.indexOf('one')).toBeLessThan(text.indexOf('by hand'))
        expect(text.indexOf('by hand')).toBeLessThan(text.indexOf('second'))
      },
    },
  ])
  const agent = defineAgent({ name: 'talker', model })
  const { ops } = await world({ agents: [agent] })
  await (
    await ops.start(agent, 'first', { session: 's' })
  ).result
  await (
    await ops.start(agent, 'second', { session: 's', messages: [userMessage('by hand')] })
  ).result
  model.assertComplete()
})

test('nothing is added to the prompt in secret: instructions, conversation, input', async () => {
  const model = scriptedModel(['ok'])
  const agent = defineAgent({ name: 'talker', model, instructions: 'Be brief.' })
  const { ops } = await world({ agents: [agent] })
  await (
    await ops.start(agent, 'hello', { messages: [userMessage('before')] })
  ).result
  expect(model.calls[0]?.options.prompt).toEqual([systemMessage('Be brief.'), userMessage('before'), userMessage('hello')])
})

test.each([
  ['answer', false],
  ['full', true],
] as const)('sessionTranscript %s: later runs see tool calls: %s', async (sessionTranscript, seen) => {
  const model = scriptedModel([
    { toolCalls: [{ name: 'look', input: {} }] },
    'found',
    { text: 'ok', expect: seen ? { promptIncludes: 'look done' } : { promptExcludes: 'look done' } },
  ])
  const agent = defineAgent({ name: 'talker', model, tools: [noting('look')], planner: toolsPlanner({ sessionTranscript }) })
  const { ops } = await world({ agents: [agent] })
  await (
    await ops.start(agent, 'first', { session: 's' })
  ).result
  expect(await (await ops.start(agent, 'second', { session: 's' })).result).toMatchObject({ status: 'completed' })
  model.assertComplete()
})

test('a run that starts many children does not hide the conversation before it, and only the last 50 runs count', async () => {
  const model = scriptedModel([
    ...Array.from({ length: 52 }, (_, index) => `answer ${index}.`),
    (prompt: Parameters<typeof promptText>[0]) => promptText(prompt),
  ])
  const talker = defineAgent({ name: 'talker', model })
  const leaf = defineAgent({ name: 'leaf', planner: planner(() => ({ type: 'finish', output: 'leaf' })) })
  const children = Array.from({ length: 210 }, (_, index) => child('leaf', 'go', `leaf ${index}`))
  const chief = defineAgent({ name: 'chief', agents: [leaf], planner: stepsPlanner(children), limits: { effects: 300 } })
  const { ops, clock } = await world({ agents: [talker, leaf, chief] })
  for (let index = 0; index < 52; index += 1) await (await ops.start(talker, `question ${index}.`, { session: 's' })).result
  expect(await outcomeOf(clock, await ops.start(chief, 'go', { session: 's' }))).toMatchObject({ status: 'completed' })
  const { output } = (await (await ops.start(talker, 'and now?', { session: 's' })).result) as { output?: string }
  expect(output).toContain('answer 51.')
  expect(output).toContain('answer 3.')
  expect(output).not.toContain('answer 2.')
})
