import type { Signal, Store } from '../core/index.ts'
import { assertEqual, assertRejects } from './assert.ts'
import { accept, acceptAndOwn, at, DONE, own, recordOf, type StoreCase } from './store-world.ts'

/** Cases on runs that another one goes on in the place of. */
export const successorCases: readonly StoreCase[] = [
  {
    name: 'S17: the record of a run that went on names its successor',
    async run({ store }) {
      await acceptAndOwn(store, 'first')
      await accept(store, 'second')
      await goOn(store, 'first', 'second')
      const { status, successor } = await recordOf(store, 'first')
      assertEqual([status, successor], ['completed', 'second'], 'status and successor')
      assertEqual((await recordOf(store, 'second')).successor, undefined, 'the successor of the second')
    },
  },
  {
    name: "S10: signals that are left when a run goes on are its successor's, and wake it",
    async run({ store }) {
      const { fence, run } = await acceptAndOwn(store, 'first')
      for (const name of ['taken', 'news', 'opspawn.cancel', 'opspawn.child-end']) await store.signal('first', signalOf(name))
      await accept(store, 'second')
      await store.release((await own(store, 'second')).fence, { how: 'wait' })
      const tasks = await store.append(
        fence,
        run.seq,
        [at(run.seq + 1, { type: 'run-end', outcome: DONE, successor: 'second' })],
        {
          consume: ['taken'],
          end: { outcome: DONE, successor: 'second' },
          signals: [{ runId: 'second', signal: signalOf('early') }],
        },
      )
      assertEqual(
        tasks.map(({ runId }) => runId),
        ['second'],
        'tasks of the append',
      )
      assertEqual(namesOf((await own(store, 'second')).inbox), ['early', 'news', 'opspawn.cancel'], 'the inbox of the successor')
    },
  },
  {
    name: 'S10: signals that come later go to the run that goes on at the end, but for answers to calls',
    async run({ store }) {
      for (const runId of ['first', 'second', 'third']) await accept(store, runId)
      for (const [runId, next] of [
        ['first', 'second'],
        ['second', 'third'],
      ] as const) {
        await own(store, runId)
        await goOn(store, runId, next)
      }
      await store.release((await own(store, 'third')).fence, { how: 'wait' })
      const { accepted, task } = await store.signal('first', signalOf('news'))
      assertEqual([accepted, task?.runId], [true, 'third'], 'the answer')
      assertEqual((await store.signal('second', signalOf('news'))).accepted, false, 'the same signal once more, by another way')
      await assertRejects(store.signal('first', signalOf('opspawn.approval')), 'RUN_FINISHED', 'an answer to an approval')
      const { fence, run } = await acceptAndOwn(store, 'parent')
      const names = ['opspawn.cancel', 'opspawn.child-end']
      await store.append(fence, run.seq, [at(run.seq + 1)], {
        signals: names.map((name) => ({ runId: 'first', signal: signalOf(name) })),
      })
      assertEqual(namesOf((await own(store, 'third')).inbox), ['news', 'opspawn.cancel'], 'the inbox of the last one')
    },
  },
]

function signalOf(name: string): Signal {
  return { id: name, name, payload: null }
}

function namesOf(signals: readonly Signal[]): readonly string[] {
  return signals.map(({ name }) => name).toSorted()
}

/** Ends a run that the world owns, in favour of another. */
async function goOn(store: Store, runId: string, successor: string): Promise<void> {
  const { seq, epoch } = await recordOf(store, runId)
  const end = at(seq + 1, { type: 'run-end', outcome: DONE, successor })
  await store.append({ runId, epoch, workerId: 'worker' }, seq, [end], { end: { outcome: DONE, successor } })
}
