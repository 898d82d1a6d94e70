import type { MemoryRecord, MemoryScope } from '../../core/index.ts'
import { encodeScope } from '../../remembering/index.ts'
import { chunks, quote, quoteAll } from './predicate.ts'
import type { RecordTable } from './table.ts'

/** Scopes in one predicate, each with a bound of its own: longer ones are nested too deep for LanceDB's parser. */
const BOUNDED = 100

/** The highest `seq` of each scope; looked up again when somebody else has written. */
export interface Seqs {
  load(scopes: readonly MemoryScope[]): Promise<void>
  last(scope: MemoryScope): number
  raise(record: MemoryRecord): void
  /** The own commit made the table that version. */
  follow(version: number): void
  /** What was raised did not happen. */
  forget(): void
}

/** Makes them for a table. */
export function createSeqs(table: RecordTable): Seqs {
  const known = new Map<string, number>()
  const fresh = new Set<string>()
  let seen: number | undefined
  const raise = (scope: string, seq: number): void => void known.set(scope, Math.max(seq, known.get(scope) ?? 0))
  async function raiseFrom(where: string): Promise<void> {
    for (const row of await table.read((query) => query.where(where).select(['scope', 'seq'])))
      raise(row['scope'] as string, row['seq'] as number)
  }
  return {
    async load(scopes) {
      const version = await table.version()
      if (version !== seen) fresh.clear()
      seen = version
      const missing = [...new Set(scopes.map(encodeScope))].filter((scope) => !fresh.has(scope))
      // Of a scope that was looked up before only what came behind can matter.
      const [before = [], never = []] = [true, false].map((isKnown) => missing.filter((scope) => known.has(scope) === isKnown))
      for (const part of chunks(before, BOUNDED))
        await raiseFrom(part.map((scope) => `(scope = ${quote(scope)} AND seq > ${known.get(scope)})`).join(' OR '))
      for (const part of chunks(never)) await raiseFrom(`scope IN (${quoteAll(part)})`)
      for (const scope of missing) fresh.add(scope)
    },
    last: (scope) => known.get(encodeScope(scope)) ?? 0,
    raise: (record) => raise(encodeScope(record.scope), record.seq),
    follow: (version) => void (seen = version),
    forget() {
      known.clear()
      fresh.clear()
    },
  }
}
