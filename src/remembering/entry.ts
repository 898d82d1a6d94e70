import { type MemoryEntry, type MemoryPatch, toJson } from '../core/index.ts'
import { found, inputInvalid, isObject } from './faults.ts'
import { checkScalar, METADATA_NAME } from './scalar.ts'

/** Entries in one append. */
const MAX_ENTRIES = 10_000
/** Characters of one text. */
const MAX_TEXT = 1_048_576
/** Characters of JSON of one append. */
export const MAX_APPEND: number = 67_108_864
/** Characters of an id. */
const MAX_ID = 512
/** Members of metadata. */
const MAX_METADATA = 128
/** The last moment that a `Date` knows. */
const MAX_TIME = 8_640_000_000_000_000

const KINDS: readonly unknown[] = ['message', 'fact', 'summary', 'document']
const ROLES: readonly unknown[] = ['system', 'user', 'assistant', 'tool']

type Check = (value: unknown, where: string) => unknown

const CHECKS: Readonly<Record<keyof MemoryEntry, Check>> = {
  id: checkId,
  kind: oneOf(KINDS),
  text: checkText,
  role: oneOf(ROLES),
  content: (value) => value,
  occurredAt: checkTime,
  validFrom: checkTime,
  validTo: checkTime,
  expiresAt: checkTime,
  supersedes: checkId,
  source: checkSource,
  metadata: checkMetadata,
}

/** In the order in which a record has its members. */
const ALL_CHECKS: readonly (readonly [member: string, check: Check])[] = Object.entries(CHECKS)

/**
 * Checks what is to be remembered and copies it; what the caller does to it afterwards changes nothing. Lone surrogates in
 * `text` become U+FFFD, as stores would make them.
 *
 * @throws OpspawnError `MEMORY_INPUT_INVALID` naming the entry and its member, `JSON_INVALID`, `PAYLOAD_TOO_LARGE`
 */
export function checkEntries(entries: unknown): readonly MemoryEntry[] {
  if (!Array.isArray(entries)) throw inputInvalid('entries', `must be a list, not ${found(entries)}`)
  if (entries.length > MAX_ENTRIES) throw inputInvalid('entries', `are ${entries.length}, at most ${MAX_ENTRIES} at once`)
  const copies = toJson(entries, { maxSize: MAX_APPEND }) as readonly unknown[]
  return copies.map((entry, at) => checkEntry(entry, `entries/${at}`))
}

function checkEntry(entry: unknown, where: string): MemoryEntry {
  if (!isObject(entry)) throw inputInvalid(where, `must be an object, not ${found(entry)}`)
  for (const member of ['kind', 'text']) if (entry[member] === undefined) throw inputInvalid(where, `has no ${member}`)
  const checked = checkMembers(entry, where) as unknown as MemoryEntry
  checkValidity(checked, where)
  return checked
}

/** Checks members that are there, one by one, and gives them in one order. */
function checkMembers(entry: Readonly<Record<string, unknown>>, where: string): Record<string, unknown> {
  const unknown = Object.keys(entry).find((member) => !Object.hasOwn(CHECKS, member))
  if (unknown !== undefined)
    throw inputInvalid(where, `has no member ${found(unknown)}; it may have ${Object.keys(CHECKS).join(', ')}`)
  const result: Record<string, unknown> = {}
  for (const [member, check] of ALL_CHECKS)
    if (entry[member] !== undefined) result[member] = check(entry[member], `${where}/${member}`)
  return result
}

/** Checks that an entry's times fit together. */
export function checkValidity(entry: Pick<MemoryEntry, 'validFrom' | 'validTo'>, where: string): void {
  const { validFrom, validTo } = entry
  if (validFrom !== undefined && validTo !== undefined && validTo <= validFrom)
    throw inputInvalid(`${where}/validTo`, `must be after validFrom ${validFrom}, not ${validTo}`)
}

/** Checks a patch and copies it. @throws OpspawnError as {@link checkEntries} */
export function checkPatch(patch: unknown): MemoryPatch {
  const copy = toJson(patch)
  if (!isObject(copy)) throw inputInvalid('patch', `must be an object, not ${found(copy)}`)
  const removed: Record<string, null> = {}
  const given: Record<string, unknown> = {}
  for (const [member, value] of Object.entries(copy)) {
    if (member === 'id' || member === 'supersedes')
      throw inputInvalid(`patch/${member}`, 'cannot be changed; append another entry')
    if (value !== null || member === 'content') given[member] = value
    else if (member === 'kind' || member === 'text') throw inputInvalid(`patch/${member}`, 'cannot be taken away')
    else removed[member] = null
  }
  checkMembers({ ...given, ...Object.fromEntries(Object.keys(removed).map((member) => [member, undefined])) }, 'patch')
  return { ...(checkMembers(given, 'patch') as MemoryPatch), ...removed }
}

/** Checks an id. @throws OpspawnError `MEMORY_INPUT_INVALID` */
export function checkId(value: unknown, where: string): string {
  if (typeof value !== 'string' || value === '' || value.length > MAX_ID || !value.isWellFormed())
    throw inputInvalid(where, `must be 1 to ${MAX_ID} characters of well-formed text, not ${found(value)}`)
  return value
}

function oneOf(values: readonly unknown[]): Check {
  return (value, where) => {
    if (values.includes(value)) return value
    throw inputInvalid(where, `must be ${values.join(', ')}, not ${found(value)}`)
  }
}

function checkText(value: unknown, where: string): string {
  if (typeof value !== 'string') throw inputInvalid(where, `must be a text, not ${found(value)}`)
  if (value.length > MAX_TEXT) throw inputInvalid(where, `has ${value.length} characters, at most ${MAX_TEXT}; split it`)
  return value.toWellFormed()
}

/** Checks a time. @throws OpspawnError `MEMORY_INPUT_INVALID` */
export function checkTime(value: unknown, where: string): number {
  if (!Number.isSafeInteger(value) || Math.abs(value as number) > MAX_TIME)
    throw inputInvalid(where, `must be whole epoch milliseconds, not ${found(value)}`)
  return (value as number) + 0
}

function checkSource(value: unknown, where: string): unknown {
  if (!isObject(value)) throw inputInvalid(where, `must be an object, not ${found(value)}`)
  const { ids } = value
  if (ids === undefined) return value
  if (!Array.isArray(ids)) throw inputInvalid(`${where}/ids`, `must be a list of ids, not ${found(ids)}`)
  ids.forEach((id: unknown, at) => checkId(id, `${where}/ids/${at}`))
  return value
}

function checkMetadata(value: unknown, where: string): unknown {
  if (!isObject(value)) throw inputInvalid(where, `must be an object, not ${found(value)}`)
  const members = Object.entries(value)
  if (members.length > MAX_METADATA) throw inputInvalid(where, `has ${members.length} members, at most ${MAX_METADATA}`)
  const result: Record<string, unknown> = {}
  for (const [name, item] of members) {
    if (!METADATA_NAME.test(name))
      throw inputInvalid(
        where,
        `has the name ${found(name)}; names are letters a to z, digits, _, - and ., at most 64, a letter or _ first`,
      )
    result[name] = checkScalar(item, `${where}/${name}`)
  }
  return result
}
