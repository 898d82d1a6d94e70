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
