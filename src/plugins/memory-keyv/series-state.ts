import { memoryFailed } from '../../remembering/index.ts'
import { readChunk, readHead, readRanges, type Head } from './document.ts'
import type { KeyValues } from './key-values.ts'

/** What has a place, from 1, that no other one of its series has. */
export interface Placed {
  readonly seq: number
  readonly expiresAt?: number
}

/** How a series is kept. */
export interface SeriesOptions<T> {
  readonly store: KeyValues
  /** Of its head; chunks have a suffix. */
  readonly key: string
  readonly owner: string
  /** Most items in a chunk. */
  readonly chunk: number
  readonly write: (item: T) => string
  readonly read: (item: Readonly<Record<string, unknown>>, where: string) => T
}

/** One chunk as it stands in the store. */
export interface Chunk<T> {
  readonly items: T[]
  /** The texts of the items; made when they are needed. */
  readonly texts?: string[]
}

/** A series as it stands in the store. A new object whenever it was read anew. */
export interface State<T> {
  /** In the order of their places. It grows with the series: copy what is to stay. */
  items: T[]
  /** The highest place ever given. */
  last: number
  /** The head's text; undefined: the series is not in the store. */
  headText: string | undefined
  readonly chunks: Map<number, Chunk<T>>
  /** Their numbers, as the head has them. */
  ranges: readonly number[]
  /** Place to chunk. */
  readonly homes: Map<number, number>
  next: number
  trash: readonly number[]
  ends: number | undefined
  /** Chunks that the store has lost are left out. */
  isDamaged: boolean
}

/** Key of a chunk. */
export function chunkKey(key: string, chunk: number): string {
  return `${key}:${chunk}`
}

/** Reads a series whole; `anyway` without the chunks that are lost. @throws OpspawnError `MEMORY_FAILED`, `MEMORY_MISMATCH` */
export async function readState<T extends Placed>(
  options: SeriesOptions<T>,
  given: string | undefined,
  anyway: boolean,
): Promise<State<T>> {
  const { store, key, owner, read } = options
  let text = given
  for (let turn = 0; ; turn += 1) {
    const head = text === undefined ? undefined : readHead(text, owner)
    const numbers = readRanges(head?.chunks ?? [])
    const texts = await Promise.all(numbers.map((number) => store.get(chunkKey(key, number))))
    const lists = texts.map((one) => (one === undefined ? undefined : readItems(one, read, anyway)))
    if (!lists.includes(undefined) || anyway)
      return stateOf(text, head, new Map(numbers.map((number, at) => [number, lists[at]])))
    // Perhaps it was changed between the two readings.
    const again = await store.get(key)
    if (again === text || turn === 2)
      throw memoryFailed('read', 'the store has lost a part of a scope; restore the store, or forget all of the scope')
    text = again
  }
}

/** What cannot be read is as good as lost to who wants what can be had. */
function readItems<T>(text: string, read: SeriesOptions<T>['read'], anyway: boolean): readonly T[] | undefined {
  try {
    return readChunk(text, read)
  } catch (error) {
    if (anyway) return undefined
    throw error
  }
}

type Lists<T> = ReadonlyMap<number, readonly T[] | undefined>

function stateOf<T extends Placed>(headText: string | undefined, head: Head | undefined, lists: Lists<T>): State<T> {
  const { last, next, trash, ends, chunks: ranges } = head ?? { last: 0, next: 0, trash: [], ends: undefined, chunks: [] }
  const chunks = new Map<number, Chunk<T>>()
  const homes = new Map<number, number>()
  for (const [number, all] of lists) {
    if (all === undefined) continue
    // What is behind the highest place is of a write that was never finished.
    const items = all.filter((item) => item.seq <= last)
    chunks.set(number, { items })
    for (const item of items) homes.set(item.seq, number)
  }
  const lost = [...lists.keys()].filter((number) => !chunks.has(number))
  return {
    headText,
    items: inOrder(chunks),
    last,
    chunks,
    ranges,
    homes,
    next,
    trash: [...trash, ...lost],
    ends,
    isDamaged: lost.length > 0,
  }
}

/** All items of some chunks, by place. */
export function inOrder<T extends Placed>(chunks: ReadonlyMap<number, Chunk<T>>): T[] {
  return [...chunks.values()].flatMap((chunk) => chunk.items).sort((left, right) => left.seq - right.seq)
}
