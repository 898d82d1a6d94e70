import type { MemoryRecord, MemoryScope } from '../../core/index.ts'
import {
  SCOPE_LABELS,
  decodeScope,
  encodeLabel,
  encodeScope,
  freezeDeep,
  sha256,
  timeOf,
  wordsOf,
} from '../../remembering/index.ts'

/** What a column holds. */
export type ColumnKind = 'text' | 'number' | 'texts'

/** The columns, but for the vector: what filters may name has one of its own, and `record` is all of it, as JSON. */
export const COLUMNS: Readonly<Record<string, { readonly kind: ColumnKind; readonly nullable?: true }>> = {
  /** Of scope and id: the primary key. */
  key: { kind: 'text' },
  /** Labels as they are in keys: letters, digits, `_`, `-`, `%`; empty where there is none. */
  agentLabel: { kind: 'text' },
  userLabel: { kind: 'text' },
  sessionLabel: { kind: 'text' },
  /** All labels, the tenant's first. */
  scope: { kind: 'text' },
  /** Scope and `seq`. */
  place: { kind: 'text' },
  id: { kind: 'text' },
  kind: { kind: 'text' },
  role: { kind: 'text', nullable: true },
  text: { kind: 'text' },
  /** The words to index, each with the tenant's mark before it: nobody's words are in another's lists. */
  words: { kind: 'text' },
  /** Hashes of names and values of metadata. */
  facets: { kind: 'texts' },
  seq: { kind: 'number' },
  version: { kind: 'number' },
  createdAt: { kind: 'number' },
  /** When it happened or was recorded: the order of the latest. */
  happenedAt: { kind: 'number' },
  occurredAt: { kind: 'number', nullable: true },
  validFrom: { kind: 'number', nullable: true },
  validTo: { kind: 'number', nullable: true },
  expiresAt: { kind: 'number', nullable: true },
  supersededAt: { kind: 'number', nullable: true },
  /** From when on, and until when, a recall that asks for no other time may return it. Few columns make a recall quick. */
  since: { kind: 'number' },
  until: { kind: 'number' },
  record: { kind: 'text' },
}

/** The column that a record is read from. One is read in half the time of three. */
export const RECORD = 'record'

/** A row without its vector. */
export type Row = Readonly<Record<string, string | number | boolean | null | readonly string[]>>

const MAX_WORD = 64
const PLAIN = ['role', 'occurredAt', 'validFrom', 'validTo', 'expiresAt', 'supersededAt'] as const
const ALWAYS = Number.MIN_SAFE_INTEGER
const NEVER = Number.MAX_SAFE_INTEGER

/** The primary key of an id in a scope. */
export function keyOf(scope: MemoryScope, id: string): string {
  return sha256(JSON.stringify([encodeScope(scope), id]))
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
  const mark = sha256(tenant).slice(0, 8)
  return words.map((word) => `${mark}.${word.slice(0, MAX_WORD)}`)
}

/** Writes a record as a row. */
export function toRow(record: MemoryRecord): Row {
  const scope = encodeScope(record.scope)
  const row: Record<string, Row[string]> = {
    key: keyOf(record.scope, record.id),
    scope,
    place: placeOf(scope, record.seq),
    id: record.id,
    kind: record.kind,
    text: record.text,
    words: markedWords(record.scope.tenant, wordsOf(record.text)).join(' '),
    facets: Object.entries(record.metadata ?? {}).flatMap(([name, value]) => [facetOf(name), facetOf(name, value)]),
    seq: record.seq,
    version: record.version,
    createdAt: record.createdAt,
    happenedAt: timeOf(record),
    since: record.validFrom ?? ALWAYS,
    until: record.supersededBy === undefined ? Math.min(record.expiresAt ?? NEVER, record.validTo ?? NEVER) : ALWAYS,
    record: JSON.stringify({ ...record, scope }),
  }
  for (const label of SCOPE_LABELS)
    row[`${label}Label`] = record.scope[label] === undefined ? '' : encodeLabel(record.scope[label])
  for (const member of PLAIN) row[member] = record[member] ?? null
  return row
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
