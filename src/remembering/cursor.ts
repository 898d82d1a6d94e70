import { badCursor } from './calls.ts'

/** A place among all records: the last one that was listed. */
export interface Position {
  /** The encoded scope; empty before the first. */
  readonly scope: string
  readonly seq: number
}

/** Writes a place as the cursor of a page. */
export function writeCursor({ scope, seq }: Position): string {
  return `${seq}@${scope}`
}

/** Reads what {@link writeCursor} wrote; without one a listing begins before the first record. @throws OpspawnError `MEMORY_INPUT_INVALID` */
export function readCursor(cursor: string | undefined): Position {
  if (cursor === undefined) return { scope: '', seq: 0 }
  const match = /^([1-9]\d{0,15})@(t[\w%/-]+)$/.exec(cursor)
  if (match === null) throw badCursor(cursor)
  return { scope: match[2] as string, seq: Number(match[1]) }
}
