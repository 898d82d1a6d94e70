import type { MemoryHandle, MemoryRecord } from '../core/index.ts'

/** Records of one page of a listing. */
const PAGE = 1000
/** Ids that are forgotten in one call. */
const FORGET = 5000

/** What a memory holds of one document: the ids of its passages, by the state of the document that they are of. */
export type HeldDocument = ReadonlyMap<string, HeldRevision>

/** What it holds of one state of a document. */
export interface HeldRevision {
  readonly ids: string[]
  /** How many passages there should be. */
  readonly parts: number
}

/**
 * Reads what a memory holds of a collection, by document. Looking at every passage also finds what a process that was killed
 * has left half done.
 */
export async function readHeld(
  memory: MemoryHandle,
  collection: string,
  signal: AbortSignal | undefined,
): Promise<Map<string, HeldDocument>> {
  const held = new Map<string, Map<string, HeldRevision>>()
  const filter = { op: 'eq', field: 'metadata.collection', value: collection } as const
  let cursor: string | undefined
  do {
    const page = await memory.list({ limit: PAGE, filter, ...(cursor !== undefined && { cursor }) }, { signal })
    for (const record of page.records) note(held, record)
    cursor = page.cursor
  } while (cursor !== undefined)
  return held
}

function note(held: Map<string, Map<string, HeldRevision>>, { id, kind, metadata = {} }: MemoryRecord): void {
  const { document, revision, parts } = metadata
  // What somebody else put into the collection is theirs.
  if (kind !== 'document' || typeof document !== 'string' || typeof revision !== 'string' || typeof parts !== 'number') return
  let revisions = held.get(document)
  if (revisions === undefined) held.set(document, (revisions = new Map()))
  const known = revisions.get(revision)
  if (known === undefined) revisions.set(revision, { ids: [id], parts })
  else known.ids.push(id)
}

/** Whether all passages of a state of a document are there. */
export function isComplete(held: HeldDocument | undefined, revision: string): boolean {
  const found = held?.get(revision)
  return found !== undefined && found.ids.length === found.parts
}

/** The ids of all passages of a document but those of one state. */
export function idsBut(held: HeldDocument | undefined, revision?: string): readonly string[] {
  return [...(held ?? [])].flatMap(([name, { ids }]) => (name === revision ? [] : ids))
}

/** Forgets records, some thousands at a time. */
export async function forgetIds(
  memory: MemoryHandle,
  ids: readonly string[],
  mode: 'soft' | 'erase',
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let from = 0; from < ids.length; from += FORGET)
    await memory.forget({ ids: ids.slice(from, from + FORGET) }, mode, { signal })
}
