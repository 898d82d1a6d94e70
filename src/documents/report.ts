/**
 * What became of a document: `added`, `changed` (its old passages were replaced), `unchanged` (nothing was written), `removed`
 * (its passages were forgotten, since it is no longer there), `skipped` (it cannot be read; what was remembered of it was
 * forgotten), `kept` (it could not be looked at this time, and what was remembered of it stays).
 */
export type DocumentStatus = 'added' | 'changed' | 'unchanged' | 'removed' | 'skipped' | 'kept'

/** What became of one document. */
export interface IngestedDocument {
  /** Its name; empty for the folder itself. */
  readonly document: string
  /** What became of it. */
  readonly status: DocumentStatus
  /** That the memory now holds of it. */
  readonly passages: number
  /** Why it was skipped or kept. */
  readonly reason?: string
  /** What was lost in reading it; of one that is unchanged only what is seen without taking it apart. */
  readonly warnings?: readonly string[]
}

/** Told while documents are taken in, when what is told is in the memory. */
export interface IngestProgress extends IngestedDocument {
  /** Documents done so far, this one included. */
  readonly done: number
  /** Documents that were found. */
  readonly total: number
}

/** What an {@link ingest} came to. */
export interface IngestReport {
  /** What the documents are kept under. */
  readonly collection: string
  /** In the order in which they were dealt with. */
  readonly documents: readonly IngestedDocument[]
  /** How many documents came to each status. */
  readonly counts: Readonly<Record<DocumentStatus, number>>
  /** That the memory now holds of the collection. */
  readonly passages: number
}

/** Adds up what became of documents. */
export function reportOf(collection: string, documents: readonly IngestedDocument[]): IngestReport {
  const counts = { added: 0, changed: 0, unchanged: 0, removed: 0, skipped: 0, kept: 0 }
  let passages = 0
  for (const one of documents) {
    counts[one.status] += 1
    passages += one.passages
  }
  return { collection, documents, counts, passages }
}
