/** Real processes that are killed and stopped while they work on one file. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { NewRun, RunEvent, Store } from '../../src/core/index.ts'
import { sqliteStore } from '../../src/plugins/store-sqlite/index.ts'
import { seededRandom } from '../../src/testing/index.ts'
import { STEPS } from './programs/agent.ts'
import { eventually, newFolder, start } from './processes.ts'

interface Note {
  readonly pid: number
  readonly step: string
}

function notesIn(file: string): readonly Note[] {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [pid, runId, key] = line.split(' ')
      return { pid: Number(pid), step: `${runId} ${key}` }
    })
}

/** The steps whose outcome is in the file now. */
async function recorded(path: string, runIds: readonly string[]): Promise<ReadonlyMap<string, readonly RunEvent[]>> {
  const store = sqliteStore({ path })
  const histories = await Promise.all(runIds.map(async (runId) => [runId, await store.read(runId, 1)] as const))
  await store[Symbol.asyncDispose]()
  return new Map(histories)
}

function settledSteps(histories: ReadonlyMap<string, readonly RunEvent[]>): ReadonlySet<string> {
  const steps = new Set<string>()
  for (const [runId, events] of histories)
    for (const event of events) if (event.type === 'effect-end') steps.add(`${runId} ${event.key}`)
  return steps
}

test('workers are killed at random moments: nothing is lost, no recorded step is repeated, no unsafe one made twice (S1, S2, S5)', async () => {
  const folder = newFolder()
  const [path, notes] = [join(folder, 'runs.db'), join(folder, 'notes')]
  const random = seededRandom(4)
  const runIds = Array.from({ length: 20 }, (_, index) => `run-${index}`)
  const first = start('work', path, notes, String(runIds.length))
  await first.line('started')
  const settled: [pid: number, steps: ReadonlySet<string>][] = []
  let worker = first
  for (let count = 0; count < 4; count += 1) {
    await new Promise((resolve) => void setTimeout(resolve, 5 + random() * 60))
    await worker.kill()
    settled.push([worker.child.pid ?? 0, settledSteps(await recorded(path, runIds))])
    worker = start('work', path, notes)
    await worker.line('ready')
  }
  await worker.line('all ended')
  expect(await worker.ended).toBe(0)

  const histories = await recorded(path, runIds)
  for (const events of histories.values()) {
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
    expect(events.at(-1)).toMatchObject({ type: 'run-end', outcome: { status: 'completed', output: 'arrived' } })
    expect(events.filter(({ type }) => type === 'effect-end')).toHaveLength(STEPS)
  }
  const made = notesIn(notes)
  const unsafe = made.filter(({ step }) => step.endsWith('step-2') || step.endsWith('step-5')).map(({ step }) => step)
  expect(unsafe).toEqual([...new Set(unsafe)])
  const pids: number[] = []
  for (const [pid, steps] of settled) {
    pids.push(pid)
    expect(made.filter((note) => !pids.includes(note.pid) && steps.has(note.step))).toEqual([])
  }
})

function newRun(runId: string): NewRun {
  return { origin: { runId, agent: 'a', definition: 'v1', tenant: 't', input: null, rootId: runId, depth: 0, limits: {} } }
}

/** Sweeps and claims as a worker does, until the run is to be had. */
async function takeOver(store: Store, runId: string): Promise<void> {
  await eventually(`a takeover of ${runId}`, async () => {
    await store.sweep(10)
    return (await store.claim({ workerId: 'second', leaseMs: 60_000, runId }))[0]
  })
}

test('a worker that is killed is seen long before its lease is over (S7)', async () => {
  const path = join(newFolder(), 'runs.db')
  await using store = sqliteStore({ path })
  await store.create(newRun('run'))
  const holder = start('hold', path, '600000')
  await holder.line('claimed')
  expect((await store.sweep(10)).tasks).toEqual([])
  await holder.kill()
  await takeOver(store, 'run')
})

test('a worker that is stopped past its lease and goes on is fenced off (S7)', async () => {
  const path = join(newFolder(), 'runs.db')
  await using store = sqliteStore({ path })
  await store.create(newRun('run'))
  const holder = start('hold', path, '1500')
  await holder.line('claimed')
  holder.child.kill('SIGSTOP')
  await takeOver(store, 'run')
  holder.child.kill('SIGCONT')
  holder.say('append')
  expect(await holder.line('append')).toBe('append LEASE_LOST')
  expect((await store.read('run', 1)).map(({ type }) => type)).toEqual(['run-start', 'run-claim', 'run-claim'])
})

test('a worker whose event loop is blocked past its lease keeps its run', async () => {
  const path = join(newFolder(), 'runs.db')
  await using store = sqliteStore({ path })
  await store.create(newRun('run'))
  const holder = start('hold', path, '6000')
  await holder.line('claimed')
  holder.say('block 8000')
  let isBlocked = true
  const over = holder.line('unblocked').then(() => {
    isBlocked = false
  })
  while (isBlocked) {
    await store.sweep(10)
    expect(await store.claim({ workerId: 'second', leaseMs: 60_000, runId: 'run' })).toEqual([])
    await new Promise((resolve) => void setTimeout(resolve, 100))
  }
  await over
  holder.say('append')
  expect(await holder.line('append')).toBe('append written')
})

test('an orchestrator whose event loop was blocked past its leases goes on with its runs', async () => {
  const path = join(newFolder(), 'runs.db')
  const worker = start('block', path)
  expect(await worker.line('ended')).toBe('ended completed, faults: none, claims: 1')
  // It is told for how long, at most half a second less.
  const [, ms = ''] = (await worker.line('blocked')).split(' ')
  expect(Number(ms)).toBeGreaterThanOrEqual(7_400)
})

test('an acknowledged append survives kill -9, ten times', async () => {
  const path = join(newFolder(), 'runs.db')
  const random = seededRandom(9)
  for (let count = 0; count < 10; count += 1) {
    const writer = start('write', path, `w${count}`, '0')
    await writer.line(`w${count}-0 `)
    await new Promise((resolve) => void setTimeout(resolve, random() * 40))
    await writer.kill()
    const acknowledged = Number(writer.lines.at(-1)?.split(' ')[1])
    const store = sqliteStore({ path })
    const events = await store.read(`w${count}-0`, 1)
    await store[Symbol.asyncDispose]()
    expect(events.length).toBeGreaterThanOrEqual(acknowledged)
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
  }
})

test.each([2, 4])('%i processes write to one file: every acknowledged append is there', async (count) => {
  const path = join(newFolder(), 'runs.db')
  const names = Array.from({ length: count }, (_, index) => `p${index}`)
  const writers = names.map((name) => start('write', path, name, '100', '5'))
  expect(await Promise.all(writers.map(({ ended }) => ended))).toEqual(names.map(() => 0))
  await using store = sqliteStore({ path })
  for (const [index, name] of names.entries()) {
    expect(writers[index]?.lines.length).toBe(501)
    for (let run = 0; run < 5; run += 1) {
      const events = await store.read(`${name}-${run}`, 1)
      expect(events.slice(2).map((event) => (event.type === 'decision' ? event.state : event.type))).toEqual(
        Array.from({ length: 100 }, (_, step) => `${name} ${step}`),
      )
    }
  }
})

test('eight processes open a new file at once: one makes the schema, all go on (migration race)', async () => {
  const path = join(newFolder(), 'runs.db')
  const names = Array.from({ length: 8 }, (_, index) => `run-${index}`)
  const openers = names.map((name) => start('open', path, name))
  expect(await Promise.all(openers.map(({ ended }) => ended))).toEqual(names.map(() => 0))
  await using store = sqliteStore({ path })
  const { runs } = await store.list({}, {})
  expect(runs.map(({ runId }) => runId).toSorted()).toEqual(names)
})
