import { afterEach, describe, expect, test } from 'vitest'
import {
  auditLog,
  auditOf,
  type AuditRecord,
  defineAgent,
  type Effect,
  type Json,
  type PolicyRule,
  type Tool,
} from '../../src/index.ts'
import { call, child, noting, type NotingTool, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, now, outcomeOf, settle, until, world } from './support/world.ts'
import { memoryStore, sharedStore } from './support/wrappers.ts'

afterEach(closeAll)

const SECRET = 'canary-7f3a9'
const CALLER = { principal: 'ada', roles: ['clerk'] }

function proxyTo(...behind: readonly Tool[]): NotingTool {
  return {
    ...noting('proxy'),
    route: (input: Json) => {
      const { tool, arguments: args } = input as { tool: string; arguments: Json }
      const found = behind.find(({ name }) => name === tool)
      return found === undefined ? undefined : { tool: found, input: args }
    },
  } as NotingTool
}

const RULES: readonly PolicyRule[] = [
  { name: 'no deletions', verdict: 'deny', tool: 'drop', arguments: { '/what': { exists: true } } },
  { name: 'payments', verdict: 'ask', tool: 'pay', reason: `ask about ${SECRET}` },
]

/** A run that does all sorts of things, each with the secret somewhere in it. */
async function busy() {
  const told: AuditRecord[] = []
  const [look, drop, pay, write] = [noting('look', () => `saw ${SECRET}`), noting('drop'), noting('pay'), noting('fs__write')]
  const flaky = noting('flaky', (_, { attempt }) => {
    if (attempt === 1) throw Object.assign(new Error(SECRET), { code: 'ECONNRESET' })
    return 1
  })
  const broken = noting('broken', () => {
    throw new Error(SECRET)
  })
  const steps: readonly Effect[][] = [
    [call('look', { q: SECRET })],
    [call('drop', { what: SECRET }), call('flaky', { q: SECRET }), call('broken', { q: SECRET }), call('nosuch', { q: SECRET })],
    [call('proxy', { tool: 'fs__write', arguments: { text: SECRET } }), child('helper', SECRET)],
    [call('pay', { to: SECRET })],
  ]
  const helper = defineAgent({ name: 'helper', planner: stepsPlanner() })
  const tools = [look, drop, pay, flaky, broken, proxyTo(write)]
  const agent = defineAgent({ name: 'clerk', tools, agents: [helper], planner: stepsPlanner(...steps) })
  const made = await world({ agents: [agent, helper], policy: { rules: RULES } })
  auditLog(made.ops, { write: (record) => void told.push(record) })
  const run = await made.ops.start(agent, 'go', { tenant: 'acme', caller: CALLER })
  for (let step = 0; step < 60 && (await run.approvals()).length === 0; step += 1) await made.clock.advance(1000)
  await run.approve('pay', { by: 'grace', reason: SECRET })
  await outcomeOf(made.clock, run)
  return { ...made, run, told, records: auditOf(await historyOf(made.ops, run.id)) }
}

describe('the audit of a run', () => {
  test('has one record for each call and each refusal: who, what, by which rule, and how it ended', async () => {
    const { records, run } = await busy()
    expect(records.map(({ key }) => key).toSorted()).toEqual([
      'broken',
      'drop',
      'flaky',
      'helper',
      'look',
      'nosuch',
      'pay',
      'proxy',
    ])
    const of = (key: string): AuditRecord | undefined => records.find((record) => record.key === key)
    const whose = { runId: run.id, rootId: run.id, tenant: 'acme', agent: 'clerk', principal: 'ada', roles: ['clerk'] }
    for (const record of records)
      expect(record).toMatchObject({ ...whose, argumentsHash: expect.stringMatching(/^[\da-f]{64}$/) as string })
    expect(of('look')).toMatchObject({ verdict: 'allow', attempts: 1, outcome: 'completed', bytes: 18 })
    expect(of('drop')).toMatchObject({
      verdict: 'deny',
      rule: 'no deletions',
      attempts: 0,
      outcome: 'denied',
      code: 'POLICY_DENIED',
    })
    expect(of('flaky')).toMatchObject({ attempts: 2, outcome: 'completed' })
    expect(of('broken')).toMatchObject({ attempts: 1, outcome: 'failed', code: 'TOOL_FAILED' })
    expect(of('nosuch')).toMatchObject({ attempts: 0, outcome: 'failed', code: 'TOOL_UNKNOWN' })
    expect(of('proxy')).toMatchObject({ tool: 'fs__write', through: 'proxy', outcome: 'completed' })
    expect(of('helper')).toMatchObject({ kind: 'run', tool: 'helper', outcome: 'completed' })
    expect(of('pay')).toMatchObject({ verdict: 'ask', rule: 'payments', approver: 'grace', attempts: 1 })
  })

  test('holds no argument, no result, no text of an error, of a rule or of a person', async () => {
    const { records, told, run, ops } = await busy()
    expect(JSON.stringify(await historyOf(ops, run.id))).toContain(SECRET)
    expect(JSON.stringify([records, told])).not.toContain(SECRET)
  })

  test('is told record by record while it happens, the same as from the history', async () => {
    const { told, records, run } = await busy()
    expect(told.filter(({ runId }) => runId === run.id)).toEqual(records)
  })

  test('a dry run shows in it', async () => {
    const agent = defineAgent({ name: 'clerk', tools: [noting('drop')], planner: stepsPlanner([call('drop', { what: 1 })]) })
    const { ops, clock } = await world({ agents: [agent], policy: { rules: RULES, mode: 'dry-run' } })
    const run = await ops.start(agent, 'go')
    await outcomeOf(clock, run)
    expect(auditOf(await historyOf(ops, run.id))).toMatchObject([
      { verdict: 'allow', tried: { verdict: 'deny', rule: 'no deletions' }, outcome: 'completed' },
    ])
  })

  test('a history without a beginning has none', () => {
    expect(auditOf([])).toEqual([])
  })
})

describe('telling', () => {
  test('a process that takes a run over tells of what it settles, with what came before', async () => {
    const store = sharedStore(memoryStore())
    const pay = noting('pay', undefined, { approval: true })
    const agent = defineAgent({
      name: 'clerk',
      tools: [noting('look'), pay],
      planner: stepsPlanner([call('look')], [call('pay')]),
    })
    const first = await world({ agents: [agent], store })
    const run = await first.ops.start(agent, 'go', { caller: CALLER })
    await until(first.clock, 'it asks', async () => (await run.approvals()).length === 1)
    await first.ops.drain(0)
    const told: AuditRecord[] = []
    const second = await world({ agents: [agent], store, clock: first.clock })
    auditLog(second.ops, { write: (record) => void told.push(record) })
    const there = await second.ops.run(run.id)
    await there.approve('pay', { by: 'grace' })
    await outcomeOf(first.clock, there)
    await settle(first.clock)
    expect(told).toMatchObject([{ key: 'pay', verdict: 'ask', rule: 'tool pay', approver: 'grace', principal: 'ada' }])
    expect(told).toHaveLength(1)
  })

  test('a log that throws or rejects is told of, and stops nothing; stopped, it hears no more', async () => {
    const agent = defineAgent({ name: 'clerk', tools: [noting('look')], planner: stepsPlanner([call('look')]) })
    const { ops, clock } = await world({ agents: [agent] })
    const faults: unknown[] = []
    const onFault = (error: unknown): void => void faults.push(error)
    auditLog(ops, {
      write: () => {
        throw new Error('full')
      },
      onFault,
    })
    auditLog(ops, { write: () => Promise.reject(new Error('away')), onFault })
    const told: AuditRecord[] = []
    auditLog(ops, { write: (record) => void told.push(record) })()
    expect(await now(clock, (await ops.start(agent, 'go')).result)).toMatchObject({ status: 'completed' })
    expect(faults.map(String)).toEqual(['Error: full', 'Error: away'])
    expect(told).toEqual([])
    expect(() => auditLog(ops, {} as never)).toThrow(/write/)
  })
})
