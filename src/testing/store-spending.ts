import type { Amounts, Claim, Spending, SpendingChange, Store } from '../core/index.ts'
import { assert, assertEqual, assertRejects } from './assert.ts'
import { accept, acceptAndOwn, note, own, recordOf, snapshot, type StoreCase } from './store-world.ts'

/** Cases on budgets that a tree of runs shares. */
export const spendingCases: readonly StoreCase[] = [
  {
    name: 'S12: what a run reserves, gives back and uses is counted',
    async run({ store }) {
      const claim = await acceptAndOwn(store, 'run')
      const spend = spender(store, claim)
      await spend({ reserve: amounts(1, 100, 0.5) })
      assertEqual(
        (await recordOf(store, 'run')).spending,
        spending(amounts(0, 0, 0), amounts(1, 100, 0.5)),
        'after a reservation',
      )
      await spend({ release: amounts(1, 100, 0.5), use: amounts(1, 60, 0.25) })
      assertEqual(
        (await recordOf(store, 'run')).spending,
        spending(amounts(1, 60, 0.25), amounts(0, 0, 0)),
        'after its settlement',
      )
      await spend({ use: amounts(1, 40, 0.25), unreported: 1 })
      assertEqual((await recordOf(store, 'run')).spending, spending(amounts(2, 100, 0.5), amounts(0, 0, 0), 1), 'after more use')
    },
  },
  {
    name: 'S12: a reservation up to the limit is granted, one past it refused with the name of the limit and of the run',
    async run({ store }) {
      for (const [limit, reserve] of [
        ['steps', amounts(2, 0, 0)],
        ['tokens', amounts(0, 2, 0)],
        ['cost', amounts(0, 0, 2)],
      ] as const) {
        const claim = await acceptAndOwn(store, limit, { limits: { [limit]: 4 } })
        const spend = spender(store, claim)
        await spend({ reserve })
        await spend({ release: reserve, use: reserve })
        await spend({ reserve })
        const before = await snapshot(store, [limit])
        const { details } = await assertRejects(spend({ reserve }), 'BUDGET_EXCEEDED', `a reservation past ${limit}`)
        assertEqual(details, { limit, runId: limit }, 'details of the error')
        assertEqual(await snapshot(store, [limit]), before, 'the run after the refusal')
      }
    },
  },
  {
    name: 'S12: spending counts for the run and for every ancestor',
    async run({ store }) {
      const { root, child, grandchild, cousin } = await makeTree(store, {})
      await spender(store, grandchild)({ reserve: amounts(1, 10, 0) })
      await spender(store, child)({ use: amounts(1, 5, 0) })
      await spender(store, root)({ use: amounts(1, 1, 0) })
      const none = amounts(0, 0, 0)
      assertEqual((await recordOf(store, 'grandchild')).spending, spending(none, amounts(1, 10, 0)), 'the grandchild')
      assertEqual((await recordOf(store, 'child')).spending, spending(amounts(1, 5, 0), amounts(1, 10, 0)), 'the child')
      assertEqual((await recordOf(store, 'root')).spending, spending(amounts(2, 6, 0), amounts(1, 10, 0)), 'the root')
      assertEqual((await recordOf(store, cousin.fence.runId)).spending, spending(none, none), 'a run beside them')
    },
  },
  {
    name: 'S12: each run of a tree holds its own limit, and a refusal by any of them changes none',
    async run({ store }) {
      const ids = ['root', 'child', 'grandchild', 'cousin']
      for (const narrow of ['root', 'child', 'grandchild']) {
        const prefix = `${narrow} is narrow: `
        const { grandchild } = await makeTree(store, { [narrow]: { tokens: 15 } }, prefix)
        const spend = spender(store, grandchild)
        await spend({ reserve: amounts(1, 10, 0) })
        const before = await snapshot(
          store,
          ids.map((id) => prefix + id),
        )
        const { details } = await assertRejects(spend({ reserve: amounts(1, 10, 0) }), 'BUDGET_EXCEEDED', prefix)
        assertEqual(details, { limit: 'tokens', runId: prefix + narrow }, 'details of the error')
        assertEqual(
          await snapshot(
            store,
            ids.map((id) => prefix + id),
          ),
          before,
          'the tree after the refusal',
        )
        await spend({ release: amounts(1, 10, 0), use: amounts(1, 5, 0) })
        await spend({ reserve: amounts(1, 10, 0) })
      }
    },
  },
  {
    name: 'S12: children that reserve at once never pass the limit of their parent',
    async run({ store }) {
      const parent = await accept(store, 'parent', { limits: { steps: 7 } })
      const children = await Promise.all(
        Array.from({ length: 20 }, (_, index) => acceptAndOwn(store, `child-${index}`, { parent })),
      )
      const results = await Promise.allSettled(children.map((child) => spender(store, child)({ reserve: amounts(1, 0, 0) })))
      assertEqual(results.filter((result) => result.status === 'fulfilled').length, 7, 'reservations granted')
      assertEqual((await recordOf(store, 'parent')).spending.reserved.steps, 7, 'steps reserved')
    },
  },
  {
    name: 'S12: what was spent beyond a limit is counted all the same',
    async run({ store }) {
      const claim = await acceptAndOwn(store, 'run', { limits: { tokens: 10 } })
      await spender(store, claim)({ use: amounts(1, 25, 0) })
      const { used } = (await recordOf(store, 'run')).spending
      assert(used.tokens === 25, `a call that used more than was reserved has used it; found ${used.tokens} tokens`)
    },
  },
]

function amounts(steps: number, tokens: number, cost: number): Amounts {
  return { steps, tokens, cost }
}

function spending(used: Amounts, reserved: Amounts, unreported: number = 0): Spending {
  return { used, reserved, unreported }
}

/** Writes one event with a change of spending, behind those before. */
function spender(store: Store, claim: Claim): (change: SpendingChange) => Promise<void> {
  let { seq } = claim.run
  return async (change) => {
    await note(store, claim.fence, seq, { spending: change })
    seq += 1
  }
}

type TreeLimits = Readonly<Record<string, { readonly tokens: number }>>

/** Three generations, and a second child of the root. */
async function makeTree(
  store: Store,
  limits: TreeLimits,
  prefix: string = '',
): Promise<Record<'root' | 'child' | 'grandchild' | 'cousin', Claim>> {
  const limitsOf = (name: string): object => (limits[name] === undefined ? {} : { limits: limits[name] })
  const root = await acceptAndOwn(store, `${prefix}root`, limitsOf('root'))
  const child = await acceptAndOwn(store, `${prefix}child`, { parent: root.run, ...limitsOf('child') })
  const grandchild = await acceptAndOwn(store, `${prefix}grandchild`, { parent: child.run, ...limitsOf('grandchild') })
  await accept(store, `${prefix}cousin`, { parent: root.run })
  return { root, child, grandchild, cousin: await own(store, `${prefix}cousin`) }
}
