import type { Signal, Store } from '../core/index.ts'
import { URGENT_SIGNALS } from '../core/index.ts'
import { assertEqual } from './assert.ts'
import { accept, acceptAndOwn, assertNotReady, own, recordOf, type StoreCase } from './store-world.ts'

/** Cases on runs that were set aside, and on the signals that make them ready. */
export const asideCases: readonly StoreCase[] = [
  {
    name: 'S10: an urgent signal makes a paused or quarantined run ready, its deliveries counted anew after a quarantine',
    async run({ store }) {
      for (const name of URGENT_SIGNALS) {
        for (const how of ['park', 'quarantine'] as const) {
          const runId = `${how} ${name}`
          await setAside(store, runId, how)
          const { accepted, task } = await store.signal(runId, urgent(name))
          assertEqual([accepted, task?.runId], [true, runId], `the answer to ${name} after ${how}`)
          const { status, deliveries } = await recordOf(store, runId)
          assertEqual([status, deliveries], ['queued', 0], `status and deliveries by ${name} after ${how}`)
          assertEqual((await own(store, runId)).inbox, [urgent(name)], 'the inbox')
        }
      }
    },
  },
  {
    name: 'S10: an ordinary signal to a run that was set aside is kept and makes nothing ready',
    async run({ store }) {
      for (const how of ['park', 'quarantine'] as const) {
        await setAside(store, how, how)
        for (const name of ['news', 'opspawn.pause', 'opspawn.approval']) {
          const answer = await store.signal(how, { id: name, name, payload: null })
          assertEqual([answer.accepted, answer.task], [true, undefined], `the answer to ${name} after ${how}`)
        }
        await assertNotReady(store, how, 'nobody resumed it')
        await store.signal(how, urgent('opspawn.resume'))
        const names = (await own(store, how)).inbox.map(({ name }) => name)
        assertEqual(names, ['news', 'opspawn.pause', 'opspawn.approval', 'opspawn.resume'], 'the inbox')
      }
    },
  },
  {
    name: 'S10: a run that is set aside with an urgent signal left is ready at once',
    async run({ store }) {
      for (const name of URGENT_SIGNALS) {
        for (const how of ['park', 'quarantine'] as const) {
          const runId = `${how} ${name}`
          const { fence } = await acceptAndOwn(store, runId)
          await store.signal(runId, urgent(name))
          assertEqual((await store.release(fence, { how }))?.runId, runId, `the task to publish after ${how}, with ${name} left`)
          const { status, deliveries } = await recordOf(store, runId)
          assertEqual([status, deliveries], ['queued', 0], `status and deliveries after ${how}, with ${name} left`)
          assertEqual((await own(store, runId)).inbox, [urgent(name)], 'the inbox')
        }
      }
    },
  },
  {
    name: 'S10: a run that is set aside with another signal left stays aside',
    async run({ store }) {
      for (const how of ['park', 'quarantine'] as const) {
        const { fence } = await acceptAndOwn(store, how)
        await store.signal(how, { id: 'a', name: 'news', payload: null })
        assertEqual(await store.release(fence, { how }), undefined, 'the task to publish')
        await assertNotReady(store, how, 'it was set aside')
      }
    },
  },
  {
    name: 'S10: a cancellation makes a run ready that is due later, a resumption does not',
    async run({ store }) {
      const { createdAt } = await accept(store, 'probe')
      const dueAt = createdAt + 3_600_000
      await accept(store, 'resumed', { dueAt })
      await accept(store, 'cancelled', { dueAt })
      assertEqual((await store.signal('resumed', urgent('opspawn.resume'))).task, undefined, 'the task of the resumed run')
      await assertNotReady(store, 'resumed', 'its time has not come')
      assertEqual((await recordOf(store, 'resumed')).dueAt, dueAt, 'due time of the resumed run')
      assertEqual((await store.signal('cancelled', urgent('opspawn.cancel'))).task?.runId, 'cancelled', 'the task to publish')
      await own(store, 'cancelled')
    },
  },
]

function urgent(name: string): Signal {
  return { id: name, name, payload: null }
}

async function setAside(store: Store, runId: string, how: 'park' | 'quarantine'): Promise<void> {
  const { fence } = await acceptAndOwn(store, runId)
  await store.release(fence, { how })
}
