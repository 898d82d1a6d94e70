import { inOrder, type Chunk, type Placed, type SeriesOptions, type State } from './series-state.ts'

/** What changes together. */
export interface Change<T> {
  /** To insert, or to put in the place of what has theirs. */
  readonly puts: readonly T[]
  /** Places to free. */
  readonly drops: readonly number[]
}

/** What a change comes to. */
export interface Plan<T> {
  /** Chunks to write, by number. */
  readonly writes: ReadonlyMap<number, Required<Chunk<T>>>
  /** Numbers of chunks that count no more then. */
  readonly gone: readonly number[]
  readonly next: number
  readonly last: number
  readonly count: number
  readonly ends: number | undefined
  /** Only new items with higher places: nothing else changed. */
  readonly isGrowth: boolean
}

/** A chunk is full with so many characters, however few its items. */
const MAX_CHUNK_TEXT = 65_536

/**
 * Plans a change. Chunks whose items change are written under new numbers, so that the old ones count until the head is
 * written; the last one grows where it stands, since what is behind the highest place does not count.
 *
 * @param anew writes all chunks anew, as few as hold the items.
 */
export function planChange<T extends Placed>(
  state: State<T>,
  { puts, drops }: Change<T>,
  options: SeriesOptions<T>,
  anew = false,
): Plan<T> {
  const { chunks, homes, last } = state
  const touched = new Set(anew ? chunks.keys() : [...puts.map((put) => put.seq), ...drops].flatMap((seq) => homes.get(seq) ?? []))
  const inserted = puts.filter((put) => !homes.has(put.seq)).toSorted((left, right) => left.seq - right.seq)
  const isGrowth = touched.size === 0 && inserted.every((item) => item.seq > last)
  const tail = chunks.get(state.next - 1)
  const hasRoom = tail !== undefined && inserted.length > 0 && !isFull(tail, options.chunk)
  if (hasRoom && !isGrowth) touched.add(state.next - 1)
  const changed = new Map<number, readonly T[]>([
    ...drops.map((seq) => [seq, []] as const),
    ...puts.map((put) => [put.seq, [put]] as const),
  ])
  const old = itemsOf(state, touched)
  const kept = old.flatMap((item) => changed.get(item.seq) ?? [item])
  const untouched = isGrowth
    ? [{ expiresAt: state.ends }]
    : itemsOf(
        state,
        [...chunks.keys()].filter((number) => !touched.has(number)),
      )
  return {
    ...pour(state, [...kept, ...inserted], hasRoom && isGrowth, options),
    gone: [...touched],
    last: Math.max(last, inserted.at(-1)?.seq ?? 0),
    count: state.items.length + inserted.length + kept.length - old.length,
    ends: earliest([...untouched, ...kept, ...inserted]),
    isGrowth,
  }
}

function itemsOf<T>({ chunks }: State<T>, numbers: Iterable<number>): readonly T[] {
  return Array.from(numbers, (number) => chunks.get(number)?.items ?? []).flat()
}

/** Puts a plan that was carried out into the state. */
export function apply<T extends Placed>(
  state: State<T>,
  { writes, gone, next, last, ends, isGrowth }: Plan<T>,
  headText: string,
): void {
  const { chunks, homes } = state
  for (const number of gone) {
    for (const { seq } of chunks.get(number)?.items ?? []) homes.delete(seq)
    chunks.delete(number)
  }
  for (const [number, chunk] of writes) {
    for (const item of chunk.items) {
      homes.set(item.seq, number)
      if (isGrowth && item.seq > state.last) state.items.push(item)
    }
    chunks.set(number, chunk)
  }
  if (!isGrowth) state.items = inOrder(chunks)
  Object.assign(state, { next, last, ends, headText, isDamaged: false, trash: [...state.trash, ...gone] })
}

/** Fills chunks: the last one, if it may grow, and then new ones. */
function pour<T>(
  state: State<T>,
  items: readonly T[],
  mayGrow: boolean,
  { write, chunk }: SeriesOptions<T>,
): Pick<Plan<T>, 'writes' | 'next'> {
  const writes = new Map<number, Required<Chunk<T>>>()
  let { next } = state
  let open: Required<Chunk<T>> | undefined
  if (mayGrow) {
    const { items: own, texts = own.map(write) } = state.chunks.get(next - 1) as Chunk<T>
    writes.set(next - 1, (open = { items: [...own], texts: [...texts] }))
  }
  for (const item of items) {
    if (open === undefined || isFull(open, chunk)) {
      writes.set(next, (open = { items: [], texts: [] }))
      next += 1
    }
    open.items.push(item)
    open.texts.push(write(item))
  }
  return { writes, next }
}

function isFull<T>({ items, texts = [] }: Chunk<T>, chunk: number): boolean {
  return items.length >= chunk || texts.reduce((sum, text) => sum + text.length, 0) >= MAX_CHUNK_TEXT
}

function earliest(items: readonly { readonly expiresAt?: number | undefined }[]): number | undefined {
  const ends = items.reduce((least, { expiresAt = Infinity }) => Math.min(least, expiresAt), Infinity)
  return ends === Infinity ? undefined : ends
}
