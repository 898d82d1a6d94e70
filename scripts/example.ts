/** Runs examples/NAME/main.ts: `npm run example -- NAME [arguments]`. Without a name it lists them. */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

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
  const main = join(root, 'examples', name, 'main.ts')
  const { status, error } = spawnSync(process.execPath, [main, ...rest], { stdio: 'inherit' })
  if (error) throw error
  process.exitCode = status ?? 1
}
