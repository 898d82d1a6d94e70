import { hash } from 'node:crypto'
import { canonicalJson, type Json, type MemoryEntry } from '../core/index.ts'

const MEMBERS: readonly (keyof MemoryEntry)[] = [
  'kind',
  'text',
  'role',
  'content',
  'occurredAt',
  'validFrom',
  'validTo',
  'expiresAt',
  'supersedes',
  'source',
  'metadata',
]

/** The entry's members in a record or entry, without its id and without what the memory added. */
export function entryOf(record: MemoryEntry): Omit<MemoryEntry, 'id'> {
  const entry: Record<string, unknown> = {}
  for (const member of MEMBERS) if (record[member] !== undefined) entry[member] = record[member]
  return entry as unknown as Omit<MemoryEntry, 'id'>
}

/** SHA-256 of an entry without its id, as canonical JSON, in base64url: equal content, equal hash, in every memory. */
export function contentHash(entry: MemoryEntry): string {
  return sha256(canonicalJson(entryOf(entry) as unknown as Json))
}

/** SHA-256 of a text in base64url. */
export function sha256(text: string): string {
  return hash('sha256', text, 'base64url')
}
