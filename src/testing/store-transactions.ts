import { OpspawnError, type Fence, type Store } from '../core/index.ts'
import { assert, assertEqual, assertRejects } from './assert.ts'
import {
  accept,
  acceptAndOwn,
  assertWhole,
  at,
  LONG_LEASE_MS,
  note,
  own,
  PAST_LEASE_MS,
  SHORT_LEASE_MS,
  snapshot,
  type StoreCase,
  type StoreWorld,
  type TransactionProbe,
} from './store-world.ts'

interface TransactionWorld extends StoreWorld {
  readonly transactions: TransactionProbe
  /** Of the store. */
  readonly transaction: NonNullable<Store['transaction']>
}

/** Why a body gave up. */
const GIVEN_UP = new OpspawnError('TOOL_FAILED', 'the body gave up')

const WITH_TRANSACTIONS: readonly { readonly name: string; readonly run: (world: TransactionWorld) => Promise<void> }[] = [
  {
    name: 'S3: what a transaction wrote and its append are there together, and not before',
    async run({ store, transactions, transaction }) {
      const { fence, run } = await acceptAndOwn(store, 'run')
      const value = await transaction(fence, async (tx) => {
        await transactions.write(tx, 'a')
        assertEqual(await store.append(fence, run.seq, [at(run.seq + 1)]), [], 'tasks of the append')
        assertEqual(await transactions.written(store), [], 'what others see of it before its end')
        assertEqual((await store.read('run', run.seq + 1)).length, 0, 'events that others see before its end')
        return 'value'
      })
      assertEqual(value, 'value', 'what the function gave')
      assertEqual(await transactions.written(store), ['a'], 'what was written')
      assertEqual(await store.read('run', run.seq + 1), [at(run.seq + 1)], 'the events')
      await assertWhole(store, 'run')
    },
  },
  {
    name: 'S3: of a transaction whose function rejects nothing is left, not even what was appended',
    async run({ store, transactions, transaction }) {
      const { fence, run } = await acceptAndOwn(store, 'run')
      const before = await snapshot(store, ['run'])
      for (const isEarly of [true, false]) {
        const failing = transaction(fence, async (tx) => {
          await transactions.write(tx, `early ${isEarly}`)
          if (!isEarly) await store.append(fence, run.seq, [at(run.seq + 1)])
          throw GIVEN_UP
        })
        await assertRejects(failing, 'TOOL_FAILED', 'the transaction')
        assertEqual(await transactions.written(store), [], 'what was written')
        assertEqual(await snapshot(store, ['run']), before, 'the run')
      }
      await note(store, fence, run.seq)
      await assertWhole(store, 'run')
    },
  },
  {
    name: 'S3: of a transaction whose append is refused nothing is left',
    async run({ store, transactions, transaction }) {
      const { fence, run } = await acceptAndOwn(store, 'run', { limits: { steps: 1 } })
      const before = await snapshot(store, ['run'])
      const two = { steps: 2, tokens: 0, cost: 0 }
      const refused = [
        ['SEQUENCE_CONFLICT', (tx: unknown) => write(tx, () => store.append(fence, run.seq - 1, [at(run.seq)]))],
        ['BUDGET_EXCEEDED', (tx: unknown) => write(tx, () => note(store, fence, run.seq, { spending: { reserve: two } }))],
      ] as const
      async function write(tx: unknown, append: () => Promise<unknown>): Promise<void> {
        await transactions.write(tx, 'a')
        await append()
      }
      for (const [code, work] of refused) {
        await assertRejects(transaction(fence, work), code, 'the transaction')
        assertEqual(await transactions.written(store), [], 'what was written')
        assertEqual(await snapshot(store, ['run']), before, 'the run')
      }
    },
  },
  {
    name: 'S7: a former owner commits nothing in a transaction',
    async run({ store, transactions, transaction, pass }) {
      await accept(store, 'run')
      const stale = await own(store, 'run', 'stale', SHORT_LEASE_MS)
      await pass(PAST_LEASE_MS)
      await own(store, 'run', 'next', LONG_LEASE_MS)
      const before = await snapshot(store, ['run'])
      const late = transaction(stale.fence, async (tx) => {
        await transactions.write(tx, 'a')
        await note(store, stale.fence, stale.run.seq)
      })
      await assertRejects(late, 'LEASE_LOST', 'the transaction of a former owner')
      assertEqual(await transactions.written(store), [], 'what was written')
      assertEqual(await snapshot(store, ['run']), before, 'the run')
    },
  },
  {
    name: 'S3: other runs are no part of a transaction: what they append stands, whatever comes of it',
    async run({ store, transactions, transaction }) {
      const { fence } = await acceptAndOwn(store, 'run')
      const other = await acceptAndOwn(store, 'other')
      let appended: Promise<unknown> | undefined
      const failing = transaction(fence, async (tx) => {
        await transactions.write(tx, 'a')
        // Not waited for: a store may let it wait until the end of the transaction.
        appended = note(store, other.fence, other.run.seq)
        throw GIVEN_UP
      })
      await assertRejects(failing, 'TOOL_FAILED', 'the transaction')
      await appended
      assertEqual((await store.read('other', other.run.seq + 1)).length, 1, 'events of the other run')
      assertEqual(await transactions.written(store), [], 'what was written')
    },
  },
  {
    name: 'S3: transactions of several runs at once all come to their end',
    async run({ store, transactions, transaction }) {
      const claims = await Promise.all(['a', 'b', 'c', 'd'].map((runId) => acceptAndOwn(store, runId)))
      await Promise.all(
        claims.map(({ fence, run }) =>
          transaction(fence, async (tx) => {
            await transactions.write(tx, fence.runId)
            await note(store, fence, run.seq)
          }),
        ),
      )
      assertEqual(await transactions.written(store), ['a', 'b', 'c', 'd'], 'what was written')
      for (const { fence } of claims) await assertWhole(store, fence.runId)
    },
  },
  {
    name: 'S3: nothing can be written through a transaction that has ended',
    async run({ store, transactions, transaction }) {
      const { fence, run } = await acceptAndOwn(store, 'run')
      const kept: unknown[] = []
      await transaction(fence, async (tx) => {
        kept.push(tx)
        await transactions.write(tx, 'a')
      })
      await transaction(fence, async (tx) => {
        kept.push(tx)
        throw GIVEN_UP
      }).catch(() => {})
      for (const [index, tx] of kept.entries()) {
        const late = await transactions.write(tx, `late ${index}`).then(
          () => 'written',
          () => 'refused',
        )
        assertEqual(late, 'refused', 'a late write')
      }
      assertEqual(await transactions.written(store), ['a'], 'what was written')
      await note(store, fence satisfies Fence, run.seq)
    },
  },
]

/** Cases on transactions of tools. */
export const transactionCases: readonly StoreCase[] = [
  {
    name: 'S3: a store has transactions exactly where it says so',
    async run({ store, transactions }) {
      const { capabilities } = store
      assertEqual(typeof store.transaction === 'function', capabilities.transactions, 'whether there is a transaction function')
      const text = 'the suite is given `transactions`, to write through them, exactly where the store declares them'
      assert((transactions !== undefined) === capabilities.transactions, text)
    },
  },
  ...WITH_TRANSACTIONS.map(({ name, run }) => ({
    name,
    async run(world: StoreWorld) {
      const { store, transactions } = world
      assert(transactions !== undefined && store.transaction !== undefined, 'the store has transactions')
      await run({ ...world, transactions, transaction: store.transaction.bind(store) })
    },
  })),
]

/** Why the cases are skipped on a store without transactions. */
export const NO_TRANSACTIONS: Readonly<Record<string, string>> = Object.fromEntries(
  WITH_TRANSACTIONS.map(({ name }) => [name, 'the store declares no transactions']),
)
