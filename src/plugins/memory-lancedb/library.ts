import { createRequire } from 'node:module'
import type * as Lance from '@lancedb/lancedb'
import type * as Arrow from 'apache-arrow'
import { OpspawnError } from '../../core/index.ts'

/** The packages that this memory stands on. */
export interface Library {
  readonly lance: typeof Lance
  /** The very copy that LanceDB uses: it asks whose instance a field is. */
  readonly arrow: typeof Arrow
}

/** Loads the packages at first use. @throws OpspawnError `PLUGIN_PACKAGE_MISSING` */
export async function loadLibrary(): Promise<Library> {
  try {
    const lance = await import('@lancedb/lancedb')
    return { lance, arrow: createRequire(import.meta.url)('apache-arrow') as typeof Arrow }
  } catch (error) {
    throw new OpspawnError('PLUGIN_PACKAGE_MISSING', `lancedbMemory ${explain(error)}`, { cause: error })
  }
}

function explain(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const machine = `${process.platform}-${process.arch}`
  const isMissing = /(?:package|module) '?@lancedb\/lancedb'?(?:[ \n]|$)/i.test(text)
  if (isMissing || text.includes('apache-arrow'))
    return 'needs the packages @lancedb/lancedb and apache-arrow, which are not installed: npm install @lancedb/lancedb@0.39 apache-arrow@18.1.0'
  return `cannot load the binary of @lancedb/lancedb for ${machine}. It comes as an optional dependency of its own: install again without --omit=optional. There is none for darwin-x64; use memory-sqlite or memory-in-process there`
}
