import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'

/**
 * An entry as it costs those who bundle it: with all own code that it reaches, minified. Packages are left out,
 * because npm installs them beside us. What ships is not minified, so that everybody can read it.
 */
function bundled(entry, external = []) {
  const outfile = join('node_modules/.cache/size', `${entry.replaceAll('/', '-')}`)
  mkdirSync('node_modules/.cache/size', { recursive: true })
  buildSync({
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    external,
  })
  return outfile
}

export default [
  { name: 'opspawn/core', path: bundled('dist/core/index.js'), limit: '6 kB', brotli: true },
  // Core, the whole engine, the default planner, scheduler and store; docs/decisions/0023 says what takes how much.
  // The SQLite store is loaded only when a path is given.
  { name: 'opspawn', path: bundled('dist/index.js', ['./plugins/store-sqlite/index.js']), limit: '66 kB', brotli: true },
]
