/** One turn of a conversation. */
export interface Turn {
  readonly id: string
  readonly session: string
  readonly speaker: string
  readonly text: string
}

/** A question about a conversation, and the turns that hold its answer; none: the conversation does not say. */
export interface Question {
  readonly text: string
  readonly evidence: readonly string[]
}

/** Conversations and questions about them. */
export interface DialogueSet {
  readonly kind: 'dialogue'
  readonly name: string
  /** Where it comes from, with what it takes to have the same again: a seed, or a hash of the file. */
  readonly origin: string
  /** Of a generated set: words of a question, and the word of the conversation that means the same. */
  readonly sameAs?: ReadonlyMap<string, string>
  /** `turn`: the very turn is wanted; `session`: any turn of a session that holds evidence. */
  readonly wanted: 'turn' | 'session'
  readonly conversations: readonly { readonly turns: readonly Turn[]; readonly questions: readonly Question[] }[]
}

/** Documents, and queries with the grade of each document that is of use; the others have grade 0. */
export interface DocumentSet {
  readonly kind: 'documents'
  readonly name: string
  readonly origin: string
  readonly documents: readonly { readonly id: string; readonly text: string }[]
  readonly queries: readonly { readonly text: string; readonly grades: ReadonlyMap<string, number> }[]
}

export type RecallSet = DialogueSet | DocumentSet
