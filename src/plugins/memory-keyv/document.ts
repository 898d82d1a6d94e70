import { OpspawnError } from '../../core/index.ts'
import { found, isObject, memoryFailed } from '../../remembering/index.ts'

const VERSION = 1

/** The small document of a series. Chunks that it names are what there is; whatever else is in the store does not count. */
export interface Head {
  /** Whose series it is: the scope, or what else the key was made of. */
  readonly owner: string
  /** No two writes have the same. */
  readonly revision: string
  /** The highest place ever given. */
  readonly last: number
  /** Items in it. */
  readonly count: number
  /** The number that no chunk has had yet. */
  readonly next: number
  /** Numbers of the chunks that count, as pairs: from, to. */
  readonly chunks: readonly number[]
  /** Numbers of chunks that count no more and are still to be removed from the store. */
  readonly trash: readonly number[]
  /** No item ends before that (epoch milliseconds); absent: none ends. */
  readonly ends?: number | undefined
}

/** Writes a head. */
export function writeHead(head: Head): string {
  return JSON.stringify({ v: VERSION, ...head })
}

/** Reads a head. @throws OpspawnError `MEMORY_MISMATCH` for another version, `MEMORY_FAILED` for what is damaged or of another owner */
export function readHead(text: string, owner: string): Head {
  const head = parse(text)
  if (!isObject(head)) throw damaged('is no document of this memory')
  const { v: version, owner: written, revision, last, count, next, chunks, trash, ends = 0 } = head
  if (version !== VERSION)
    throw new OpspawnError(
      'MEMORY_MISMATCH',
      `the store has documents of version ${found(version)}, this memory reads ${VERSION}`,
    )
  if (written !== owner) throw damaged('is of another scope: its key was taken by somebody else')
  const numbers = ([last, count, next] as unknown[]).concat(chunks, trash)
  const areNumbers =
    Array.isArray(chunks) &&
    Array.isArray(trash) &&
    numbers.every((value) => Number.isSafeInteger(value) && (value as number) >= 0)
  if (!areNumbers || typeof revision !== 'string' || typeof ends !== 'number') throw damaged('is not what this memory wrote')
  return head as unknown as Head
}

/** Reads the items of a chunk. @throws OpspawnError `MEMORY_FAILED` */
export function readChunk<T>(text: string, read: (item: Readonly<Record<string, unknown>>, where: string) => T): readonly T[] {
  const items = parse(text)
  if (!Array.isArray(items)) throw damaged('has a part that is no list')
  return items.map((item: unknown, at) => {
    try {
      return read(isObject(item) ? item : {}, `item ${at}`)
    } catch (error) {
      throw damaged(`has an ${error instanceof Error ? error.message : `item ${at} that cannot be read`}`, error)
    }
  })
}

/** Writes numbers in rising order as pairs: from, to. Those of a series that only grows are one pair. */
export function writeRanges(numbers: Iterable<number>): readonly number[] {
  const ranges: number[] = []
  for (const number of numbers) {
    if (ranges.at(-1) === number - 1) ranges[ranges.length - 1] = number
    else ranges.push(number, number)
  }
  return ranges
}

/** Reads what {@link writeRanges} wrote. */
export function readRanges(ranges: readonly number[]): readonly number[] {
  const numbers: number[] = []
  for (let at = 0; at < ranges.length; at += 2)
    for (let number = ranges[at] as number; number <= (ranges[at + 1] as number); number += 1) numbers.push(number)
  return numbers
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw damaged('is no JSON', error)
  }
}

function damaged(problem: string, cause?: unknown): OpspawnError {
  const text = `a document in the store ${problem}; nothing was changed. Restore the store, or forget all of the scope`
  return memoryFailed('read', text, cause)
}
