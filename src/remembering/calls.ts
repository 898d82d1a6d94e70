import {
  OpspawnError,
  type MemoryEntry,
  type MemoryFilter,
  type MemoryHandle,
  type MemoryPatch,
  type MemoryScope,
  type MemorySelector,
  type OperationOptions,
  type PageOptions,
  type ReadOptions,
  type RecallOptions,
  type ScopeLabel,
} from '../core/index.ts'
import { checkEntries, checkId, checkPatch, checkTime } from './entry.ts'
import { found, inputInvalid, isObject } from './faults.ts'
import { checkFilter } from './filter.ts'
import { checkIdempotencyKey, checkVersion } from './ledger.ts'
import { checkAcross } from './scope.ts'
import { wordsOf } from './words.ts'

/** Whose records a read may see. */
export interface Reach {
  readonly scope: MemoryScope
  /** Granted at `bind`. */
  readonly granted: readonly ScopeLabel[]
}

/** A recall, checked, with its defaults. */
export interface RecallCall {
  /** At most 8,192 characters, well-formed; empty where there was nothing but blanks. */
  readonly query: string
  /** The words to rank by; empty: the latest records are the answer. */
  readonly words: readonly string[]
  readonly scope: MemoryScope
  readonly across: readonly ScopeLabel[]
  readonly filter: MemoryFilter | undefined
  readonly asOf: number | undefined
  readonly strict: boolean
  readonly tokens: number
  readonly items: number
  readonly before: number
  readonly after: number
}

const MAX_QUERY = 8192
const MAX_IDS = 10_000

/** Checks the arguments of `recall`. @throws OpspawnError `MEMORY_INPUT_INVALID`, `OPTIONS_INVALID` */
export function checkRecall(query: unknown, given: RecallOptions | undefined = {}, reach: Reach): RecallCall {
  if (typeof query !== 'string') throw inputInvalid('query', `must be a text, not ${found(query)}`)
  const options = checkOptions('recall', given, ['budget', 'context', 'asOf', 'strict', 'across', 'filter'])
  const budget = checkObject('budget', options['budget'], ['tokens', 'items'])
  const context = checkObject('context', options['context'], ['before', 'after'])
  const { strict } = options
  if (strict !== undefined && typeof strict !== 'boolean')
    throw inputInvalid('strict', `must be true or false, not ${found(strict)}`)
  const text = query.slice(0, MAX_QUERY).toWellFormed().trim()
  return {
    query: text,
    words: wordsOf(text),
    scope: reach.scope,
    ...checkRead(options as ReadOptions, reach),
    asOf: options['asOf'] === undefined ? undefined : checkTime(options['asOf'], 'asOf'),
    strict: strict === true,
    tokens: checkWhole('budget/tokens', budget['tokens'], 2000, 1, 100_000_000),
    items: checkWhole('budget/items', budget['items'], 10, 1, 1000),
    before: checkWhole('context/before', context['before'], 0, 0, 10),
    after: checkWhole('context/after', context['after'], 0, 0, 10),
  }
}

/** Checks what recall and list share. */
function checkRead(options: ReadOptions, reach: Reach): Pick<RecallCall, 'across' | 'filter'> {
  return {
    across: checkAcross(options.across, reach.granted),
    filter: options.filter === undefined ? undefined : checkFilter(options.filter),
  }
}

/** A listing, checked. */
export type ListCall = Pick<RecallCall, 'scope' | 'across' | 'filter'> & {
  readonly limit: number
  readonly cursor: string | undefined
}

/** Checks the arguments of `list`; a page has at most 1,000 records, 100 where nothing is said. @throws OpspawnError */
export function checkList(page: (PageOptions & ReadOptions) | undefined = {}, reach: Reach, given?: OperationOptions): ListCall {
  signalOf('list', given)
  const options = checkOptions('list', page, ['limit', 'cursor', 'across', 'filter'])
  const { cursor } = options
  if (cursor !== undefined && typeof cursor !== 'string') throw badCursor(cursor)
  const limit = Math.min(checkWhole('limit', options['limit'], 100, 1, Number.MAX_SAFE_INTEGER), 1000)
  return { scope: reach.scope, ...checkRead(options as ReadOptions, reach), limit, cursor }
}

/** A cursor that no listing gave. */
export function badCursor(cursor: unknown): OpspawnError {
  return inputInvalid('cursor', `must come from the page before, not ${found(cursor)}`)
}

/** Checks the arguments of `get`. @throws OpspawnError `MEMORY_INPUT_INVALID`, `OPTIONS_INVALID` */
export function checkGet(ids: unknown, options: OperationOptions | undefined): readonly string[] {
  signalOf('get', options)
  return checkIds(ids, 'ids')
}

/** Checks a list of ids. @throws OpspawnError `MEMORY_INPUT_INVALID` */
function checkIds(ids: unknown, where: string): readonly string[] {
  if (!Array.isArray(ids)) throw inputInvalid(where, `must be a list of ids, not ${found(ids)}`)
  if (ids.length > MAX_IDS) throw inputInvalid(where, `are ${ids.length}, at most ${MAX_IDS} at once`)
  return Array.from(ids as readonly unknown[], (id, at) => checkId(id, `${where}/${at}`))
}

/** An append, checked. */
export interface AppendCall {
  readonly entries: readonly MemoryEntry[]
  readonly idempotencyKey: string | undefined
}

/** Checks the arguments of `append`. @throws OpspawnError. Where the signal has fired it throws its reason. */
export function checkAppend(entries: unknown, options: Parameters<MemoryHandle['append']>[1]): AppendCall {
  checkOptions('append', options, ['idempotencyKey'])
  const call = { entries: checkEntries(entries), idempotencyKey: checkIdempotencyKey(options?.idempotencyKey) }
  throwIfAborted(options)
  return call
}

/** An update, checked. */
export interface UpdateCall {
  readonly id: string
  readonly patch: MemoryPatch
  readonly ifVersion: number | undefined
}

/** Checks the arguments of `update`. @throws OpspawnError. Where the signal has fired it throws its reason. */
export function checkUpdate(id: unknown, patch: unknown, options: Parameters<MemoryHandle['update']>[2]): UpdateCall {
  checkOptions('update', options, ['ifVersion'])
  const call = { id: checkId(id, 'id'), patch: checkPatch(patch), ifVersion: checkVersion(options?.ifVersion) }
  throwIfAborted(options)
  return call
}

/**
 * Checks the arguments of `forget`. Nothing that is missing ever means everything.
 *
 * @throws OpspawnError. Where the signal has fired it throws its reason.
 */
export function checkForget(what: unknown, mode: unknown, options: OperationOptions | undefined): MemorySelector {
  const selector = checkSelector(what, mode)
  signalOf('forget', options)
  throwIfAborted(options)
  return selector
}

function checkSelector(what: unknown, mode: unknown): MemorySelector {
  if (mode !== 'soft' && mode !== 'erase') throw inputInvalid('mode', `must be soft or erase, not ${found(mode)}`)
  if (what === 'all') return what
  const members = isObject(what) ? Object.keys(what) : []
  if (!isObject(what) || members.length !== 1 || !['ids', 'filter'].includes(members[0] as string))
    throw inputInvalid('what', `must be { ids }, { filter } or 'all', not ${found(what)}`)
  return 'ids' in what ? { ids: checkIds(what['ids'], 'ids') } : { filter: checkFilter(what['filter']) }
}

/** The signal of a call that has no other option. @throws OpspawnError `OPTIONS_INVALID` */
export function signalOf(call: string, options: unknown): AbortSignal | undefined {
  return checkOptions(call, options, [])['signal'] as AbortSignal | undefined
}

/** Checks that options are an object with known members, `signal` among them. @throws OpspawnError `OPTIONS_INVALID` */
export function checkOptions(call: string, options: unknown, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (options === undefined) return {}
  if (!isObject(options)) throw new OpspawnError('OPTIONS_INVALID', `options of ${call} must be an object, not ${found(options)}`)
  const { signal } = options
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new OpspawnError('OPTIONS_INVALID', `signal of ${call} must be an AbortSignal, not ${found(signal)}`)
  const unknown = Object.keys(options).find((name) => name !== 'signal' && !known.includes(name))
  if (unknown === undefined) return options
  const text = `${call} has no option ${found(unknown)}; it may have ${['signal', ...known].join(', ')}`
  throw new OpspawnError('OPTIONS_INVALID', text, { details: { member: unknown } })
}

function checkObject(where: string, value: unknown, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (value === undefined) return {}
  if (!isObject(value)) throw inputInvalid(where, `must be an object, not ${found(value)}`)
  const unknown = Object.keys(value).find((name) => !known.includes(name))
  if (unknown !== undefined) throw inputInvalid(where, `has no member ${found(unknown)}; it may have ${known.join(', ')}`)
  return value
}

function checkWhole(where: string, value: unknown, otherwise: number, least: number, most: number): number {
  if (value === undefined) return otherwise
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
  throw inputInvalid(where, `must be a whole number from ${least} to ${most}, not ${found(value)}`)
}

/** Rejects with the signal's reason, unwrapped, when it has fired. */
function throwIfAborted(options: OperationOptions | undefined): void {
  options?.signal?.throwIfAborted()
}
