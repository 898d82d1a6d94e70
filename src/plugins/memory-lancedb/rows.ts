import type { MemoryRecord, MemoryScope, ScopeLabel } from '../../core/index.ts'
import { decodeScope, encodeLabel, encodeScope, freezeDeep, sha256, timeOf, wordsOf } from '../../remembering/index.ts'
import { RECORD, type Row } from './columns.ts'

const MAX_WORD = 64
const ALWAYS = Number.MIN_SAFE_INTEGER
const NEVER = Number.MAX_SAFE_INTEGER

/** The primary key of an id in a scope. */
export function keyOf(scope: MemoryScope, id: string): string {
  return makeKey(encodeScope(scope), id)
}

function makeKey(scope: string, id: string): string {
  return sha256(JSON.stringify([scope, id]))
}

/** A text for a place in a scope. */
export function placeOf(scope: string, seq: number): string {
  return `${seq}@${scope}`
}

/** What stands for a member of metadata in an index: for its name, or for name and value. */
export function facetOf(...member: readonly [name: string, value?: unknown]): string {
  return sha256(JSON.stringify(member)).slice(0, 22)
}

/** Words as they are indexed and looked for, repeated ones too. */
export function markedWords(tenant: string, words: readonly string[]): readonly string[] {
  return marked(markOf(tenant), words)
}

function markOf(tenant: string): string {
  return sha256(tenant).slice(0, 8)
}

function marked(mark: string, words: readonly string[]): readonly string[] {
  return words.map((word) => `${mark}.${word.slice(0, MAX_WORD)}`)
}

/** What is made of scopes and ids, each once: many records have the same scope, and are asked for several times. */
export interface Names {
  /** {@link encodeScope} */
  scope(scope: MemoryScope): string
  /** {@link keyOf} */
  key(scope: MemoryScope, id: string): string
  /** A record as the column of that name has it. */
  encode(record: MemoryRecord): string
  /** A record as a row. */
  row(record: MemoryRecord): Row
}

/** What the rows of a scope share. */
interface ScopeNames {
  readonly scope: string
  readonly labels: Readonly<Record<ScopeLabel, string>>
  readonly mark: string
  readonly keys: Map<string, string>
}

/** Makes names for the work of a moment: they are never forgotten. */
export function createNames(): Names {
  const known = new Map<MemoryScope, ScopeNames>()
  function of(scope: MemoryScope): ScopeNames {
    const names = known.get(scope) ?? namesOf(scope)
    known.set(scope, names)
    return names
  }
  function key(given: MemoryScope, id: string): string {
    const { scope, keys } = of(given)
    const made = keys.get(id) ?? makeKey(scope, id)
    keys.set(id, made)
    return made
  }
  const encode = (record: MemoryRecord): string => JSON.stringify({ ...record, scope: of(record.scope).scope })
  return {
    scope: (scope) => of(scope).scope,
    key,
    encode,
    row: (record) => rowOf(record, of(record.scope), { key: key(record.scope, record.id), record: encode(record) }),
  }
}

function namesOf(scope: MemoryScope): ScopeNames {
  const labelOf = (label: ScopeLabel): string => (scope[label] === undefined ? '' : encodeLabel(scope[label]))
  return {
    scope: encodeScope(scope),
    labels: { agent: labelOf('agent'), user: labelOf('user'), session: labelOf('session') },
    mark: markOf(scope.tenant),
    keys: new Map<string, string>(),
  }
}

function rowOf(
  record: MemoryRecord,
  { scope, labels, mark }: ScopeNames,
  made: { readonly key: string; readonly record: string },
): Row {
  const { metadata = {} } = record
  // Spread, all this would take several times as long.
  return {
    key: made.key,
    agentLabel: labels.agent,
    userLabel: labels.user,
    sessionLabel: labels.session,
    scope,
    place: placeOf(scope, record.seq),
    id: record.id,
    kind: record.kind,
    role: record.role ?? null,
    text: record.text,
    words: marked(mark, wordsOf(record.text)).join(' '),
    facets: Object.entries(metadata).flatMap(([name, value]) => [facetOf(name), facetOf(name, value)]),
    seq: record.seq,
    version: record.version,
    createdAt: record.createdAt,
    happenedAt: timeOf(record),
    occurredAt: record.occurredAt ?? null,
    validFrom: record.validFrom ?? null,
    validTo: record.validTo ?? null,
    expiresAt: record.expiresAt ?? null,
    supersededAt: record.supersededAt ?? null,
    since: record.validFrom ?? ALWAYS,
    until: record.supersededBy === undefined ? Math.min(record.expiresAt ?? NEVER, record.validTo ?? NEVER) : ALWAYS,
    record: made.record,
  }
}

/** Makes a reader of rows; scopes that are alike become one object. */
export function recordReader(): (row: Row) => MemoryRecord {
  const scopes = new Map<string, MemoryScope>()
  return (row) => {
    const record = JSON.parse(row[RECORD] as string) as Omit<MemoryRecord, 'scope'> & { readonly scope: string }
    const scope = scopes.get(record.scope) ?? decodeScope(record.scope)
    scopes.set(record.scope, scope)
    return freezeDeep({ ...record, scope })
  }
}
