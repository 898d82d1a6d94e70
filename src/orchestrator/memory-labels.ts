import type { MemoryEntry, RememberEffect, RunView } from '../core/index.ts'

/** Metadata field of a record that names the labels of the data which its text was made of, with blanks between them. */
export const LABELS_FIELD = 'opspawn.labels'

/**
 * A remembering with the labels of all data that the run has seen noted in its entries, besides those that the planner
 * names: whoever recalls the text later has seen that data too. Noted when it is decided, so that a repetition writes the same.
 */
export function withLabels(effect: RememberEffect, view: RunView): RememberEffect {
  return { ...effect, entries: effect.entries.map((entry) => labelled(entry, view.labels)) }
}

function labelled(entry: MemoryEntry, seen: ReadonlySet<string>): MemoryEntry {
  const { metadata } = entry
  // What is no metadata is for the memory to refuse.
  if (metadata !== undefined && (typeof metadata !== 'object' || metadata === null)) return entry
  const own = metadata?.[LABELS_FIELD]
  const labels = new Set([...(typeof own === 'string' ? own.split(' ') : []), ...seen].filter((label) => label !== ''))
  return { ...entry, metadata: { ...metadata, [LABELS_FIELD]: [...labels].toSorted().join(' ') } }
}
