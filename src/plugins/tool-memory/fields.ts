import type { MemoryFilter } from '../../core/index.ts'

/** Metadata field that names the labels of a record's text, with blanks between them. The engine counts them on recall. */
export const LABELS_FIELD = 'opspawn.labels'
/** Metadata field that says what a record is for; ordinary ones do not have it. Planners look for it. */
export const FORM_FIELD = 'opspawn.form'
/** Metadata field of a working memory: `session`, or `agent` where one document serves all sessions. */
export const LEVEL_FIELD = 'opspawn.level'

/** Neither working memory nor summaries of a conversation. */
export const ORDINARY: MemoryFilter = { op: 'not', filter: { op: 'exists', field: `metadata.${FORM_FIELD}` } }
