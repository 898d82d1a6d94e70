import { afterEach, describe, expect, test } from 'vitest'
import { defineAgent, type WaitEffect } from '../../src/index.ts'
import { scriptedModel } from '../../src/testing/index.ts'
import { call, noting, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, now, ofType, outcomeOf, settle, until, world } from './support/world.ts'
import { asked, clerk } from './support/clerk.ts'

afterEach(closeAll)

const HOUR = 3_600_000

describe('asking', () => {
  test('a call that needs a person parks the run and its body is not entered', async () => {
    const { ops, run, tool } = await asked()
    expect(await ops.record(run.id)).toMatchObject({ status: 'waiting' })
    expect(ops.agents()[0]).toMatchObject({ status: 'idle', runs: [] })
    expect(tool.calls).toHaveLength(0)
  })

  test('a pending approval is listed with what would be called, who asks and until when', async () => {
    const { run, clock } = await asked()
    expect(await run.approvals()).toEqual([
      {
        kind: 'approval',
        runId: run.id,
        key: 'it',
        agent: 'clerk',
        tool: 'send',
        input: { to: 'ada' },
        question: expect.stringContaining('send') as string,
        expiresAt: clock.now() + 24 * HOUR,
      },
    ])
  })

  test('the person is shown the reason of the rule that asks', async () => {
    const policy = { rules: [{ verdict: 'ask', reason: 'Mails leave the house.' }] } as const
    const { run } = await asked(noting('send'), { policy })
    expect((await run.approvals())[0]?.question).toContain('Mails leave the house.')
  })

  test('nobody is asked about arguments that do not fit', async () => {
    const tool = noting('send', undefined, { approval: true })
    const strict = { ...tool, input: { type: 'object', properties: { to: { type: 'number' } } } }
    const agent = defineAgent({ name: 'clerk', tools: [strict], planner: stepsPlanner([call('send', { to: 'ada' }, 'it')]) })
    const { ops } = await world({ agents: [agent] })
    expect(await (await ops.start(agent, 'go')).result).toMatchObject({ output: ['failed: TOOL_INPUT_INVALID'] })
    expect(tool.calls).toHaveLength(0)
  })
})

describe('answering', () => {
  test('approve: the body is entered once and the person is on record', async () => {
    const { ops, clock, run, tool } = await asked()
    await run.approve('it', { by: 'ada', reason: 'fine' })
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['send done'] })
    expect(tool.calls).toHaveLength(1)
    expect(tool.calls[0]?.input).toEqual({ to: 'ada' })
    expect(ofType(await historyOf(ops, run.id), 'approval-response')).toMatchObject([
      { key: 'it', approved: true, by: 'ada', reason: 'fine' },
    ])
    expect(await run.approvals()).toEqual([])
  })

  test('deny: the model is told and the body is never entered', async () => {
    const send = noting('send', undefined, { approval: true })
    const model = scriptedModel([
      { toolCalls: [{ name: 'send', input: { to: 'eve' } }] },
      { text: 'I did not send it.', expect: { toolResults: [/ada refused the call: not to Eve/] } },
    ])
    const agent = defineAgent({ name: 'clerk', model, tools: [send] })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'write to Eve')
    await until(clock, 'it asks', async () => (await run.approvals()).length === 1)
    await run.deny((await run.approvals())[0]?.key ?? '', { by: 'ada', reason: 'not to Eve' })
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: 'I did not send it.' })
    model.assertComplete()
    expect(send.calls).toHaveLength(0)
  })

  test('a second answer is refused with APPROVAL_DECIDED, before and after the first took effect', async () => {
    const { clock, run, tool } = await asked()
    const first = run.approve('it', { by: 'ada' })
    const second = run.deny('it', { by: 'bob' })
    await first
    await expect(second).rejects.toMatchObject({ code: 'APPROVAL_DECIDED' })
    await settle(clock)
    await expect(run.approve('it', { by: 'bob' })).rejects.toMatchObject({
      code: expect.stringMatching(/APPROVAL_DECIDED|RUN_FINISHED/) as string,
    })
    expect(tool.calls).toHaveLength(1)
  })

  test('an unknown key and a call that never asked are refused with APPROVAL_UNKNOWN', async () => {
    const { run } = await asked()
    await expect(run.approve('nothing', { by: 'ada' })).rejects.toMatchObject({
      code: 'APPROVAL_UNKNOWN',
      message: expect.stringContaining('asked for no approval "nothing", but "it";') as string,
    })
    await expect(run.deny('__proto__', { by: 'ada' })).rejects.toMatchObject({ code: 'APPROVAL_UNKNOWN' })
  })

  test('an answer needs a name', async () => {
    const { run } = await asked()
    await expect(run.approve('it', { by: '' })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
  })

  test('an answer reaches a run through a handle found by its id', async () => {
    const { ops, clock, run } = await asked()
    await (await ops.run(run.id)).approve('it', { by: 'ada' })
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'completed' })
  })

  test('approving is single-use: the same call under another key asks again', async () => {
    const send = noting('send', undefined, { approval: true })
    const planned = stepsPlanner([call('send', { to: 'ada' }, 'first')], [call('send', { to: 'ada' }, 'second')])
    const agent = defineAgent({ name: 'clerk', tools: [send], planner: planned })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await until(clock, 'it asks', async () => (await run.approvals()).length === 1)
    await run.approve('first', { by: 'ada' })
    await until(clock, 'it asks again', async () => (await run.approvals())[0]?.key === 'second')
    expect(send.calls).toHaveLength(1)
    expect(await now(clock, run.result)).toBeUndefined()
  })

  test('an approved call that fails and is tried again needs no second approval', async () => {
    let tries = 0
    const tool = noting(
      'send',
      () => {
        tries += 1
        if (tries === 1) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
        return 'sent'
      },
      { approval: true },
    )
    const { clock, run } = await asked(tool)
    await run.approve('it', { by: 'ada' })
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['sent'] })
    expect(tool.calls).toHaveLength(2)
  })
})

test('what nobody answered before the run ended is told as the end of the run', async () => {
  const { clock, run } = await asked()
  await run.cancel('no need')
  await outcomeOf(clock, run, { steps: 10 })
  await expect(run.approve('it', { by: 'ada' })).rejects.toMatchObject({ code: 'RUN_FINISHED' })
})

describe('cancelling', () => {
  test('a run that waits for a person can be cancelled at once', async () => {
    const { clock, run, tool } = await asked()
    await run.cancel('never mind')
    expect(await now(clock, run.result)).toMatchObject({ status: 'cancelled', error: { code: 'RUN_CANCELLED' } })
    expect(tool.calls).toHaveLength(0)
    expect(await run.approvals()).toEqual([])
    await expect(run.approve('it', { by: 'ada' })).rejects.toMatchObject({
      code: expect.stringMatching(/RUN_FINISHED|APPROVAL_DECIDED/) as string,
    })
  })
})

describe('questions of planners', () => {
  const question = (more: { deadlineMs?: number } = {}): WaitEffect => ({
    kind: 'wait',
    key: 'q',
    for: { type: 'approval', question: 'Ship it?', details: { version: 3 }, ...more },
  })
  async function questioned(more?: { deadlineMs?: number }) {
    const agent = defineAgent({ name: 'flow', planner: stepsPlanner([question(more)]) })
    const made = await world({ agents: [agent] })
    const run = await made.ops.start(agent, 'go')
    await until(made.clock, 'it asks', async () => (await run.approvals()).length === 1)
    return { ...made, run }
  }

  test('it is listed with its question and what it is about', async () => {
    const { run } = await questioned()
    expect(await run.approvals()).toMatchObject([{ key: 'q', question: 'Ship it?', agent: 'flow', input: { version: 3 } }])
  })

  test('yes and no are both values for the planner', async () => {
    const yes = await questioned()
    await yes.run.approve('q', { by: 'ada', reason: 'tested' })
    expect(await outcomeOf(yes.clock, yes.run)).toEqual({
      status: 'completed',
      output: [{ approved: true, by: 'ada', reason: 'tested' }],
    })
    const no = await questioned()
    await no.run.deny('q', { by: 'bob' })
    expect(await outcomeOf(no.clock, no.run)).toEqual({ status: 'completed', output: [{ approved: false, by: 'bob' }] })
  })

  test('it expires at its own deadline', async () => {
    const { clock, run } = await questioned({ deadlineMs: 60_000 })
    await clock.advance(59_999)
    expect(await run.approvals()).toHaveLength(1)
    await clock.advance(1)
    expect(await outcomeOf(clock, run)).toMatchObject({ output: ['denied: APPROVAL_EXPIRED'] })
  })

  test('a second answer is refused', async () => {
    const { run } = await questioned()
    await run.approve('q', { by: 'ada' })
    await expect(run.approve('q', { by: 'ada' })).rejects.toMatchObject({
      code: expect.stringMatching(/APPROVAL_DECIDED|RUN_FINISHED/) as string,
    })
  })
})

describe('agents cannot approve', () => {
  test("a signal with the engine's own name is refused", async () => {
    const { run } = await asked()
    const payload = { key: 'it', hash: '', approved: true, by: 'eve' }
    await expect(run.signal('opspawn.approval', payload)).rejects.toMatchObject({ code: 'SIGNAL_INVALID' })
  })

  test("a signal with the id of an approval's answer does not take its place", async () => {
    const { clock, run } = await asked()
    await run.signal('hello', null, { id: 'approval:it' })
    await run.approve('it', { by: 'ada' })
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'completed' })
  })

  test('no effect of a planner gives an approval', async () => {
    const send = noting('send', undefined, { approval: true })
    const forging = planner((run) =>
      run.decisions === 0
        ? {
            type: 'act',
            effects: [Object.assign({ approval: 'approved', argumentsHash: 'x' }, call('send', {}, 'it'))],
          }
        : { type: 'finish', output: null },
    )
    const agent = defineAgent({ name: 'clerk', tools: [send], planner: forging })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    expect(await now(clock, run.result)).toBeUndefined()
    expect(send.calls).toHaveLength(0)
  })

  test('the context of a tool gives no way to answer', async () => {
    const seen: string[] = []
    const tool = noting('look', (_input, context) => {
      for (let part: object = context; part !== Object.prototype; part = Object.getPrototypeOf(part) as object)
        seen.push(...Object.getOwnPropertyNames(part))
      return null
    })
    const agent = clerk(tool)
    const { ops } = await world({ agents: [agent] })
    await (
      await ops.start(agent, 'go')
    ).result
    const allowed = [
      'constructor runId agent key idempotencyKey attempt epoch signal deadline tenant session caller tx progress log isHidden',
    ].flatMap((line) => line.split(' '))
    expect(seen.filter((name) => !allowed.includes(name))).toEqual([])
  })
})
