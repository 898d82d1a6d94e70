import { foundIn, inputInvalid } from './faults.ts'

/** Names that metadata may have: such as stores can use as names of columns and members. */
export const METADATA_NAME: RegExp = /^(?!__proto__$)[A-Za-z_][A-Za-z0-9_.-]{0,63}$/

/** Longest text in metadata and filters, in characters. */
const MAX_TEXT = 8192

/** Checks a value of metadata or of a filter. @throws OpspawnError `MEMORY_INPUT_INVALID` */
export function checkScalar(value: unknown, where: string): string | number | boolean | null {
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') {
    if (value.length > MAX_TEXT || !value.isWellFormed())
      throw inputInvalid(where, `must be at most ${MAX_TEXT} characters of well-formed text, not ${foundIn(value)}`)
    return value
  }
  if (typeof value !== 'number') throw inputInvalid(where, `must be a text, a number, true, false or null, not ${foundIn(value)}`)
  // Whole numbers past this are not what they look like, and stores differ in what they make of them.
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
    throw inputInvalid(where, `must be a finite number, a whole one within ±${Number.MAX_SAFE_INTEGER}, not ${foundIn(value)}`)
  return value === 0 ? 0 : value
}
