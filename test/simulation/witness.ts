import { canonicalJson, type Json, type RunEvent, type Signal, type Store } from '../../src/index.ts'
import { sharedStore } from '../engine/support/wrappers.ts'
import type { Violation } from '../../src/testing/index.ts'
import { AT_ONCE } from './cast.ts'

/** Sees what a store acknowledged to anybody, and holds it against what stands in it in the end. */
export interface Witness {
  watch(store: Store): Store
  /** What was acknowledged and should not have been, or is not there any more. */
  judge(): Promise<readonly Violation[]>
}

/** See {@link Witness}. @param truth what stands in the store, as no fault of a worker can show it */
export function createWitness(truth: Store): Witness {
  const epochs = new Map<string, number>()
  const created = new Set<string>()
  const written = new Map<string, RunEvent[]>()
  const found: Violation[] = []
  /** No gate holds these up. */
  const cancelled = new Set<string>()

  function noteSignal(runId: string, { name }: Signal): void {
    if (name === 'opspawn.cancel') cancelled.add(runId)
  }

  /** Of an agent with a gate no more runs have an owner than it lets in; a dead owner counts. */
  async function countInside(runId: string, agent: string): Promise<void> {
    const atOnce = AT_ONCE[agent]
    if (atOnce === undefined) return
    const { runs } = await truth.list({ agent, status: ['running'] }, { limit: 100 })
    const inside = runs.filter((run) => !cancelled.has(run.runId))
    if (inside.length > atOnce)
      found.push({ rule: 'S8', runId, text: `${inside.length} runs of ${agent} are at work, and its gate lets in ${atOnce}` })
  }

  /** Once a claim was acknowledged, no write of an earlier one may be. */
  async function fenced<T>(what: string, { runId, epoch }: { runId: string; epoch: number }, work: () => Promise<T>): Promise<T> {
    const newest = epochs.get(runId) ?? 0
    const value = await work()
    if (epoch < newest) found.push({ rule: 'S7', runId, text: `${what} of epoch ${epoch} went through in epoch ${newest}` })
    return value
  }

  return {
    watch: (store) =>
      sharedStore(store, {
        async create(run, options) {
          const answer = await store.create(run, options)
          created.add(answer.run.runId)
          return answer
        },
        async claim(query, options) {
          const claims = await store.claim(query, options)
          for (const { fence } of claims) epochs.set(fence.runId, Math.max(fence.epoch, epochs.get(fence.runId) ?? 0))
          for (const { run } of claims) await countInside(run.runId, run.agent)
          return claims
        },
        signal: (runId, signal, ...rest) => {
          noteSignal(runId, signal)
          return store.signal(runId, signal, ...rest)
        },
        append: (fence, seq, events, changes, ...rest) =>
          fenced('an append', fence, async () => {
            for (const { runId, signal } of changes?.signals ?? []) noteSignal(runId, signal)
            const tasks = await store.append(fence, seq, events, changes, ...rest)
            written.set(fence.runId, [...(written.get(fence.runId) ?? []), ...structuredClone(events)])
            return tasks
          }),
        release: (fence, ...rest) => fenced('a release', fence, () => store.release(fence, ...rest)),
      }),
    async judge() {
      for (const runId of created)
        if ((await truth.list({ runId }, { limit: 1 })).runs.length === 0)
          found.push({ rule: 'S1', runId, text: 'its acceptance was acknowledged, and it is not in the store' })
      for (const [runId, events] of written) {
        const history = await truth.read(runId, 1).catch(() => [])
        const lost = events.find((event) => !isSame(history[event.seq - 1], event))
        if (lost !== undefined)
          found.push({
            rule: 'S2',
            runId,
            text: `the append of ${lost.type} at ${lost.seq} was acknowledged, and is not in its history`,
          })
      }
      return found
    },
  }
}

function isSame(stored: RunEvent | undefined, event: RunEvent): boolean {
  return stored !== undefined && canonicalJson(stored as unknown as Json) === canonicalJson(event as unknown as Json)
}
