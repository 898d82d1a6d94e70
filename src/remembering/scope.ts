import { OpspawnError, type MemoryScope, type ScopeLabel } from '../core/index.ts'
import { found, isObject } from './faults.ts'

/** The labels below the tenant, in the order in which a scope's key has them. */
export const SCOPE_LABELS: readonly ScopeLabel[] = ['agent', 'user', 'session']

/** Longest label in characters. */
const MAX_LABEL = 1024

/**
 * Checks a scope and copies it, members in one order.
 *
 * @throws OpspawnError `OPTIONS_INVALID`
 */
export function checkScope(scope: unknown): MemoryScope {
  if (!isObject(scope)) throw invalid(`a scope must be an object with a tenant, not ${found(scope)}`)
  const known: readonly string[] = ['tenant', ...SCOPE_LABELS]
  const unknown = Object.keys(scope).find((name) => !known.includes(name))
  if (unknown !== undefined) throw invalid(`a scope has no label ${found(unknown)}; it may have ${known.join(', ')}`)
  const result: Record<string, string> = { tenant: checkLabel('tenant', scope['tenant']) }
  for (const label of SCOPE_LABELS) if (scope[label] !== undefined) result[label] = checkLabel(label, scope[label])
  return Object.freeze(result) as unknown as MemoryScope
}

/** Checks a tenant's name. @throws OpspawnError `OPTIONS_INVALID` */
export function checkTenant(tenant: unknown): string {
  return checkLabel('tenant', tenant)
}

function checkLabel(label: string, value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.length > MAX_LABEL || !value.isWellFormed())
    throw invalid(`${label} of a scope must be 1 to ${MAX_LABEL} characters of well-formed text, not ${found(value)}`)
  return value
}

/** Checks what `bind` grants; gives the labels that reads may leave open. @throws OpspawnError `OPTIONS_INVALID` */
export function checkGrant(grant: unknown): readonly ScopeLabel[] {
  if (grant === undefined) return []
  if (!isObject(grant) || Object.keys(grant).some((name) => name !== 'across'))
    throw invalid('what bind grants must be an object with across, a list of labels')
  return checkLabels('bind', grant['across'])
}

/** Checks the labels that a read leaves open against those that were granted. @throws OpspawnError `OPTIONS_INVALID` */
export function checkAcross(across: unknown, granted: readonly ScopeLabel[]): readonly ScopeLabel[] {
  const labels = checkLabels('a read', across)
  const refused = labels.find((label) => !granted.includes(label))
  if (refused === undefined) return labels
  throw new OpspawnError('OPTIONS_INVALID', `this handle may not read across ${refused}; grant it where the memory is bound`, {
    details: { reason: 'scope', label: refused },
  })
}

function checkLabels(what: string, labels: unknown): readonly ScopeLabel[] {
  if (labels === undefined) return []
  const isList = Array.isArray(labels) && labels.every((label) => (SCOPE_LABELS as readonly unknown[]).includes(label))
  if (!isList) throw invalid(`across of ${what} must be a list of ${SCOPE_LABELS.join(', ')}, not ${found(labels)}`)
  return [...new Set(labels as readonly ScopeLabel[])]
}

/**
 * Writes a scope as a text that no other scope has: letters, digits, `_`, `-`, `%`, and `/` between the labels, each with its
 * first letter. Plain enough for keys of any store; not for names of files on systems that fold case.
 */
export function encodeScope(scope: MemoryScope): string {
  let key = `t${encodeLabel(scope.tenant)}`
  for (const label of SCOPE_LABELS) if (scope[label] !== undefined) key += `/${label[0]}${encodeLabel(scope[label])}`
  return key
}

/** Reads what {@link encodeScope} wrote. */
export function decodeScope(key: string): MemoryScope {
  const scope: Record<string, string> = {}
  for (const part of key.split('/')) {
    const label = ['tenant', ...SCOPE_LABELS].find((name) => name[0] === part[0])
    if (label !== undefined) scope[label] = decodeURIComponent(part.slice(1))
  }
  return checkScope(scope)
}

/** `encodeURIComponent` leaves some marks as they are that stores, patterns or queries may give a meaning to. */
export function encodeLabel(label: string): string {
  return encodeURIComponent(label).replaceAll(/[!'()*.~]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** Whether a record of one scope is seen by a read of another: every label that is not open is equal, or absent in both. */
export function isInReach(owner: MemoryScope, reader: MemoryScope, across: readonly ScopeLabel[]): boolean {
  if (owner.tenant !== reader.tenant) return false
  for (const label of SCOPE_LABELS) if (owner[label] !== reader[label] && !across.includes(label)) return false
  return true
}

function invalid(text: string): OpspawnError {
  return new OpspawnError('OPTIONS_INVALID', text)
}
