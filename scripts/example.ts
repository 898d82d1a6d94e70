/** Runs examples/NAME/main.ts: `npm run example -- NAME [arguments]`. Without a name it lists them. */
import { globSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import '../examples/resolve.ts'

const root = join(import.meta.dirname, '..')
const [name, ...rest] = process.argv.slice(2)
const names = globSync('examples/*/main.ts', { cwd: root })
  .map((file) => basename(dirname(file)))
  .sort()

if (name === undefined || !names.includes(name)) {
  const problem = name === undefined ? 'Name an example' : `There is no example "${name}"`
  console.error(`${problem}: npm run example -- NAME. Known: ${names.join(', ') || 'none'}.`)
  process.exitCode = 1
} else {
  // In this process, not in a child: Ctrl-C, the terminal and the exit code are the example's own.
  const main = join(root, 'examples', name, 'main.ts')
  process.argv = [process.execPath, main, ...rest]
  await import(pathToFileURL(main).href)
}
