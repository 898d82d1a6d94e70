import { lexicalIndex, wordsOf } from '../../../remembering/index.ts'
import type { CatalogTool } from './server-catalog.ts'

/** Finds tools by words. */
export interface ToolSearch {
  /** The best first, at most `limit`; only those that are accepted. */
  readonly find: (query: string, limit: number, accepts: (tool: CatalogTool) => boolean) => readonly CatalogTool[]
}

/** Makes an index of tools by name, title, description and the names of their parameters (BM25). */
export function toolSearch(tools: readonly CatalogTool[]): ToolSearch {
  const index = lexicalIndex()
  for (const [slot, tool] of tools.entries()) index.add(slot, wordsOfTool(tool))
  return {
    find: (query, limit, accepts) =>
      index
        .search(
          wordsOf(split(query)),
          (slot) => accepts(tools[slot] as CatalogTool),
          limit,
          (left, right) => left - right,
        )
        .map(({ slot }) => tools[slot] as CatalogTool),
  }
}

function wordsOfTool({ server, name, title, description, input }: CatalogTool): readonly string[] {
  const { properties } = input
  const parameters = typeof properties === 'object' && properties !== null ? Object.keys(properties) : []
  // The name stands twice: who knows it finds it.
  return wordsOf([server, name, name, title ?? '', description, parameters.join(' ')].map(split).join(' '))
}

/** `readTextFile` and `read_text_file` are three words. */
function split(text: string): string {
  return text.replaceAll(/(\p{Ll})(\p{Lu})/gu, '$1 $2').replaceAll(/[_\-./]+/g, ' ')
}
