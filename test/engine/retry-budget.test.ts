/** Retries of many runs at one thing: those of a tenant share a budget, in each worker. */
import { expect, test } from 'vitest'
import type { Effect, Planner, RunOutcome } from '../../src/index.ts'
import {
  agent,
  callModel,
  callTool,
  gate,
  guardFile,
  manualClock,
  modelOf,
  open,
  plan,
  providerError,
  reply,
  tool,
} from './harness.ts'

guardFile()

const RUNS = 150
const OUTAGE_MS = 20_000

/** Asks once, and tells what became of it. */
const asking = (effect: Effect): Planner =>
  plan((run) => {
    if (run.decisions === 0) return { type: 'act', effects: [effect] }
    return run.open > 0 ? { type: 'idle' } : { type: 'finish', output: run.settled[0]?.outcome?.status ?? null }
  })

/** Many runs of one tenant, and one of another, that begin while what they call is out of order. */
async function outage(what: 'model' | 'tool') {
  const clock = manualClock()
  const from = clock.now()
  const calls: { readonly ms: number; readonly tenant: string }[] = []
  const all = gate()
  const call = async (tenant: string): Promise<void> => {
    await all.promise
    calls.push({ ms: clock.now() - from, tenant })
    if (clock.now() - from < OUTAGE_MS) throw providerError('overloaded', { statusCode: 503, isRetryable: true })
  }
  const models = Object.fromEntries(
    ['many', 'one'].map((tenant) => [tenant, modelOf(async () => (await call(tenant), reply('at last')), { modelId: 'm' })]),
  )
  const ask = tool(
    'ask',
    async (_input, { tenant }) => {
      try {
        await call(tenant)
      } catch {
        throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
      }
      return 'at last'
    },
    { retry: { attempts: 9, baseMs: 1 } },
  )
  const more = { retry: { attempts: 9, baseMs: 1 }, models, tools: [ask] }
  const agents = ['many', 'one'].map((name) =>
    agent(name, asking(what === 'model' ? callModel('call', { model: name }) : callTool('call', 'ask')), more),
  )
  const ops = await open({ agents, clock, random: () => 0 })
  const results: Promise<RunOutcome>[] = []
  for (let run = 0; run < RUNS; run += 1) results.push((await ops.start('many', run, { tenant: 'many' })).result)
  results.push((await ops.start('one', 0, { tenant: 'one' })).result)
  // A long burst is handed out turn by turn; all are to call at one time.
  for (let turn = 0; turn < 1_000 && ops.counts().claims < RUNS + 1; turn += 1) await clock.advance(0)
  all.open(undefined)
  await clock.advance(0)
  const settled = Promise.all(results)
  for (let second = 0; second < 300; second += 1) await clock.advance(1_000)
  const within = (tenant: string, begin: number, end: number): number =>
    calls.filter((made) => made.tenant === tenant && made.ms >= begin && made.ms < end).length
  return { outcomes: await settled, within }
}

test.each(['model', 'tool'] as const)(
  'a %s that is out of order is not stormed: a hundred retries, then ten in a second, and no run fails for it (S12)',
  async (what) => {
    const { outcomes, within } = await outage(what)
    expect(within('many', 0, 50)).toBe(RUNS + 100)
    for (let second = 1; second * 1_000 < OUTAGE_MS; second += 1)
      expect(within('many', second * 1_000, second * 1_000 + 1_000)).toBeLessThanOrEqual(11)
    // The other tenant's retries are its own affair: nobody puts them off, and it is out of them at once.
    expect(within('one', 0, 50)).toBe(9)
    const came = outcomes.map((outcome) => (outcome.status === 'completed' ? outcome.output : outcome.status))
    expect(came).toEqual([...Array<string>(RUNS).fill('completed'), 'failed'])
  },
)

test('calls that succeed earn retries: a hundred of them are twenty (S12)', async () => {
  const clock = manualClock()
  const from = clock.now()
  const failOnce = tool('fail_once', (_input, { attempt }) => {
    if (attempt === 1) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
    return clock.now() - from
  })
  const subject = agent(
    'subject',
    plan((run) => {
      if (run.decisions === 0) return { type: 'act', effects: [callTool('call', 'fail_once')] }
      const [call] = run.settled
      return call?.outcome?.status === 'completed' ? { type: 'finish', output: call.outcome.value } : { type: 'idle' }
    }),
    { tools: [failOnce] },
  )
  const ops = await open({ agents: [subject], clock, random: () => 0 })
  const putOffs = async (runs: number): Promise<number> => {
    const begun = clock.now() - from
    const results = await Promise.all(Array.from({ length: runs }, async () => (await ops.start('subject', 0)).result))
    return results.filter((outcome) => outcome.status !== 'completed' || outcome.output !== begun).length
  }
  const [all] = await Promise.all([
    (async () => [await putOffs(100), await putOffs(20), await putOffs(30)])(),
    (async () => {
      // A long burst is handed out turn by turn: the hundred are to end before time goes on.
      for (let turn = 0; turn < 100; turn += 1) await clock.advance(0)
      for (let second = 1; second < 20; second += 1) await clock.advance(1_000)
    })(),
  ])
  expect(all).toEqual([0, 0, 26])
})
