/** A text to be found: a turn of a conversation, or a document. */
export interface Text {
  readonly id: string
  /** Of a turn; absent: a document. */
  readonly session?: string
  readonly text: string
}

/**
 * What was found, best first.
 *
 * @property sure What a caller may go by to tell whether this answers the question at all: higher is surer.
 */
export type Found = readonly { readonly id: string; readonly sure: number }[]

/** One way to find texts again. */
export interface Retriever {
  readonly title: string
  open(texts: readonly Text[]): Promise<OpenRetriever>
}

/** It, filled with texts. */
export interface OpenRetriever {
  rank(query: string, limit: number): Promise<Found>
  /** Ids of what it would put before a model within so many tokens. */
  within(query: string, tokens: number): Promise<readonly string[]>
  close(): Promise<void>
}

/** As the memories count: a quarter of the characters, and 8 for what stands around them. */
export function tokensOf(text: string): number {
  return Math.ceil(text.length / 4) + 8
}

/** For those that only rank: the best, the next best, as long as they fit. */
export function packed(texts: readonly Text[], rank: OpenRetriever['rank']): OpenRetriever['within'] {
  const byId = new Map(texts.map((text) => [text.id, text.text]))
  return async (query, tokens) => {
    let left = tokens
    const ids: string[] = []
    for (const { id } of await rank(query, 200)) {
      const cost = tokensOf(byId.get(id) ?? '')
      if (cost > left) continue
      left -= cost
      ids.push(id)
    }
    return ids
  }
}
