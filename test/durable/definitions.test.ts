/** What is on record of definitions, and what a run says of the one that it is pinned to (S16). */
import { afterEach, expect, test } from 'vitest'
import {
  type Agent,
  createOrchestrator,
  defineAgent,
  type DocumentTable,
  type Orchestrator,
  type Planner,
  type Store,
} from '../../src/index.ts'
import { MAX_DEFINITIONS } from '../../src/orchestrator/definitions.ts'
import { scriptedModel } from '../../src/testing/index.ts'
import { noting } from '../engine/support/parts.ts'
import { memoryStore, wrapStore } from '../engine/support/wrappers.ts'
import { open, newPath } from './stores.ts'

const opened: Orchestrator[] = []
afterEach(async () => {
  for (const ops of opened.splice(0)) await ops.close()
})

async function work(store: Store, agent: Agent, isWorking = true): Promise<Orchestrator> {
  const ops = await createOrchestrator({ agents: [agent], store: wrapStore(store), announce: false, work: isWorking })
  opened.push(ops)
  return ops
}

const waits: Planner = {
  spec: 'planner/1',
  name: 'waits',
  decide: (run) =>
    run.open > 0 ? { type: 'idle' } : { type: 'act', effects: [{ kind: 'wait', key: 'w', for: { type: 'signal', name: 'go' } }] },
}

const first = defineAgent({
  name: 'clerk',
  planner: waits,
  instructions: 'The password is xyzzy.',
  model: scriptedModel(['a']),
  tools: [noting('pay', undefined, { effect: 'idempotent' }), noting('look')],
  limits: { steps: 20 },
}) as Agent
const second = defineAgent({
  ...first,
  planner: { ...waits, version: '2' },
  instructions: 'The password is plugh.',
  models: { default: { ...scriptedModel(['a']), modelId: 'newer' } },
  tools: [noting('pay', undefined, { effect: 'unsafe' }), noting('send')],
  limits: { steps: 30 },
}) as Agent

test('a run that nobody here has says what it is pinned to, who had that, and what is different now', async () => {
  const path = newPath()
  const old = await work(open({ path }), first)
  const { id } = await old.start('clerk', 'go')
  expect(await old.definition(id)).toMatchObject({ here: true, differences: [] })
  await old.close()
  const store = open({ path })
  const today = await work(store, second)
  const { definition, here, registered, latest, differences } = await today.definition(id)
  expect(here).toBe(false)
  expect(definition).toBe(`clerk@${(await today.record(id)).definition}`)
  expect(registered).toMatchObject({ definition, by: expect.stringContaining(`process ${process.pid} on `) as string })
  expect(registered?.at).toBeGreaterThan(0)
  expect(latest?.definition).not.toBe(definition)
  expect(differences.toSorted()).toEqual([
    expect.stringMatching(/^instructions was "\w{12}", is "\w{12}"$/),
    'limits.steps was 20, is 30',
    expect.stringMatching(/^models.default was ".*", is ".*newer"$/),
    'planner was "waits@1", is "waits@2"',
    'tools.look is gone',
    'tools.pay.effect was "idempotent", is "unsafe"',
    'tools.send is new',
  ])
  const kept = await store.documents.list('definition', {})
  expect(kept.documents).toHaveLength(2)
  expect(JSON.stringify(kept)).not.toContain('password')
  // Who only looks knows it as well, and registers nothing.
  const looking = await createOrchestrator({ store: wrapStore(store), announce: false, work: false })
  opened.push(looking)
  expect(await looking.definition(id)).toMatchObject({
    definition,
    here: false,
    latest,
    differences,
  })
  expect((await store.documents.list('definition', {})).documents).toHaveLength(2)
})

test('a run whose definition nobody registered says so; a store without documents knows of this process alone', async () => {
  const path = newPath()
  const ops = await work(open({ path }), first, false)
  const { id } = await ops.start('clerk', 'go')
  expect(await ops.definition(id)).toEqual({
    definition: expect.stringMatching(/^clerk@\w+$/) as string,
    here: true,
    differences: [],
  })
  await expect(ops.definition('none')).rejects.toMatchObject({ code: 'RUN_UNKNOWN' })
  const { documents: _, ...without } = wrapStore(memoryStore())
  const bare = await work(without, first)
  const run = await bare.start('clerk', 'go')
  expect(await bare.definition(run.id)).toMatchObject({ here: true, differences: [] })
})

test('only so many definitions of an agent are remembered; those of others stay', async () => {
  const store = open()
  const { documents } = store
  await documents.put('definition', 'other@1', { agent: 'other', by: 'x', parts: {} }, 0)
  for (let count = 0; count < MAX_DEFINITIONS + 3; count += 1)
    await documents.put('definition', `clerk@${count}`, { agent: 'clerk', by: 'x', parts: {} }, 0)
  const ops = await work(store, first)
  await ops.close()
  const all = await documents.list('definition', { limit: 1000 })
  const ofClerk = all.documents.filter(({ key }) => key.startsWith('clerk@'))
  expect(ofClerk).toHaveLength(MAX_DEFINITIONS)
  expect(ofClerk.some(({ key }) => key === 'clerk@0')).toBe(false)
  expect(all.documents).toHaveLength(MAX_DEFINITIONS + 1)
})

test('a store that cannot take it is a fault, and the work goes on', async () => {
  const store = open()
  const failing = wrapStore(store, {
    documents: {
      list: store.documents.list.bind(store.documents),
      get: () => Promise.reject(new Error('no documents today')),
    } as unknown as DocumentTable,
  })
  const ops = await createOrchestrator({ agents: [first], store: failing, announce: false })
  opened.push(ops)
  const faults: string[] = []
  ops.on('fault', (failure, { where }) => faults.push(`${where}: ${failure.message}`))
  const run = await ops.start('clerk', 'go')
  await run.cancel()
  expect((await run.result).status).toBe('cancelled')
  await ops.definition(run.id)
  expect(faults).toEqual(['definition of clerk: no documents today'])
})
