import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** One public entry of the package. */
export interface Entry {
  /** As in `exports`: `.`, `./core`, `./plugins/planner-react`. */
  readonly subpath: string
  /** Path of the built file in `dist`, without extension. */
  readonly name: string
  readonly source: string
}

/** The command `opspawn`: built beside the entries, and imported by nobody. */
export const COMMAND: { readonly name: string; readonly built: string; readonly source: string } = {
  name: 'cli/main',
  built: './dist/cli/main.js',
  source: 'src/cli/main.ts',
}

const fixed = ['index', 'core/index', 'orchestrator/index', 'documents/index', 'testing/index']

/** The five fixed entries, then one for each plugin folder that has an `index.ts`. */
export function packageEntries(root: string): readonly Entry[] {
  const plugins = join(root, 'src/plugins')
  const folders = existsSync(plugins) ? readdirSync(plugins).sort() : []
  const names = folders.map((folder) => `plugins/${folder}/index`).filter((name) => existsSync(join(root, 'src', `${name}.ts`)))
  return [...fixed, ...names].map((name) => ({
    subpath: name === 'index' ? '.' : `./${name.slice(0, -'/index'.length)}`,
    name,
    source: `src/${name}.ts`,
  }))
}
