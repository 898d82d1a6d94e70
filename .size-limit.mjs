import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The built files that importing `entry` loads: itself and every own chunk it reaches, statically or at
 * first use. Packages are left out, because npm installs them beside us. Nothing is minified or shaken,
 * so the number is what ships; size-limit adds the brotli sizes of the files.
 */
function loadedFiles(entry, seen = new Set()) {
  if (!existsSync(entry)) throw new Error(`${entry} is missing: run \`npm run build\` first.`)
  seen.add(entry)
  for (const [, specifier] of readFileSync(entry, 'utf8').matchAll(/(?:from|import)\s*\(?\s*["'](\.[^"']+)["']/g)) {
    const file = join(entry, '..', specifier)
    if (!seen.has(file)) loadedFiles(file, seen)
  }
  return [...seen]
}

export default [
  { name: 'opspawn/core', path: loadedFiles('dist/core/index.js'), limit: '6 kB', brotli: true },
  // Measured 48.1 kB and a tenth: core, the whole engine, the default planner, scheduler and store, none of it padding.
  { name: 'opspawn', path: loadedFiles('dist/index.js'), limit: '53 kB', brotli: true },
]
