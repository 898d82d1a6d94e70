import { randomUUID } from 'node:crypto'
import { memoryFailed } from '../../remembering/index.ts'
import { readHead, writeHead, writeRanges, type Head } from './document.ts'
import { apply, planChange, type Change, type Plan } from './series-plan.ts'
import { chunkKey, readState, type Placed, type SeriesOptions, type State } from './series-state.ts'

/**
 * Items in chunks under keys of their own, and a head that says which chunks count. Every change ends with writing the head, in
 * one piece: a process that dies on the way changes nothing. One call at a time.
 */
export interface Series<T extends Placed> {
  /** What is in the store now; read only if somebody else wrote it. `anyway`: without chunks that the store has lost. */
  contents(anyway?: boolean): Promise<Readonly<State<T>>>
  /** The head alone. */
  head(): Promise<Head | undefined>
  /** Makes a change to the contents that were got last. When it rejects, the contents must be got again. */
  commit(change: Change<T>): Promise<void>
  /** Writes chunks that are mostly empty anew, and removes what no longer counts; `false`: something could not be removed. */
  tidy(): Promise<boolean>
  /** Removes an empty series from the store. */
  remove(): Promise<void>
  /** Looks into the store for what was dropped, and removes it. The contents must be got again. */
  purge(): Promise<void>
}

/** Makes access to a series, there or not. */
export function openSeries<T extends Placed>(options: SeriesOptions<T>): Series<T> {
  const { store, key, owner } = options
  const author = randomUUID()
  let writes = 0
  let state: State<T> | undefined

  /** Until the head is written nobody knows what counts: the state is gone, and back when all went well. */
  async function carryOut(current: State<T>, plan: Plan<T>): Promise<void> {
    state = undefined
    for (const [number, { texts }] of plan.writes) await store.set(chunkKey(key, number), `[${texts.join(',')}]`)
    writes += 1
    const head = headOf(current, plan, owner, `${author}-${writes}`)
    const headText = writeHead(head)
    await store.set(key, headText)
    apply(current, plan, headText)
    current.ranges = head.chunks
    state = current
  }
  const got = (): State<T> => {
    if (state === undefined) throw memoryFailed('write', 'what is to be changed was not read before')
    return state
  }
  const rewrite = (current: State<T>): Promise<void> =>
    carryOut(current, planChange(current, { puts: [], drops: [] }, options, true))

  return {
    async contents(anyway = false) {
      const text = await store.get(key)
      if (state === undefined || state.headText !== text || state.isDamaged) {
        state = undefined
        state = await readState(options, text, anyway)
      }
      return state
    },
    async head() {
      const text = await store.get(key)
      return text === undefined ? undefined : readHead(text, owner)
    },
    async commit(change) {
      const current = got()
      await carryOut(current, planChange(current, change, options))
      await emptyTrash(options, current)
    },
    async tidy() {
      const current = got()
      if (isSparse(current.chunks.size, current.items.length, options.chunk)) await rewrite(current)
      return emptyTrash(options, current)
    },
    async remove() {
      state = undefined
      await store.remove(key)
    },
    async purge() {
      const current = got()
      // Also parts that stay may hold what never became part of the series.
      if (current.headText !== undefined) await rewrite(current)
      let isGone = await emptyTrash(options, current)
      // Chunks behind the last one are of writes that were never finished; they have no gaps, being written in order.
      for (let chunk = current.next; isGone && (await store.get(chunkKey(key, chunk))) !== undefined; chunk += 1)
        isGone = await isRemoved(options, chunk)
      state = undefined
      if (!isGone) throw memoryFailed('erase-incomplete', 'the store still has parts that were to be erased; erase again')
    },
  }
}

async function isRemoved<T>({ store, key }: SeriesOptions<T>, chunk: number): Promise<boolean> {
  try {
    await store.remove(chunkKey(key, chunk))
    return true
  } catch {
    // Who asked tells it, or keeps it on the list.
    return false
  }
}

/** What cannot be removed stays on the list. */
async function emptyTrash<T>(options: SeriesOptions<T>, state: State<T>): Promise<boolean> {
  const left: number[] = []
  for (const chunk of state.trash) if (!(await isRemoved(options, chunk))) left.push(chunk)
  state.trash = left
  return left.length === 0
}

function headOf<T extends Placed>(state: State<T>, plan: Plan<T>, owner: string, revision: string): Head {
  const { last, count, next, ends, gone } = plan
  return { owner, revision, last, count, next, chunks: rangesOf(state, plan), trash: [...state.trash, ...gone], ends }
}

function rangesOf<T>({ chunks, ranges, next }: State<T>, { writes, gone, ...plan }: Plan<T>): readonly number[] {
  if (plan.isGrowth && plan.next === next) return ranges
  const numbers = new Set([...chunks.keys(), ...writes.keys()])
  for (const number of gone) numbers.delete(number)
  return writeRanges([...numbers].toSorted((left, right) => left - right))
}

/** Whether a series takes more than twice the chunks that it needs. */
export function isSparse(chunks: number, items: number, chunk: number): boolean {
  return chunks > 2 * Math.ceil(items / chunk) + 1
}
