/** Writes the `exports` and `bin` of package.json from the folders in src; with `--check` it only compares. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { COMMAND, packageEntries } from './entries.ts'

const root = join(import.meta.dirname, '..')
const file = join(root, 'package.json')
const manifest = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>

const wanted: Record<string, unknown> = {}
for (const { subpath, name } of packageEntries(root)) {
  wanted[subpath] = { types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` }
}
wanted['./package.json'] = './package.json'

const bin = { opspawn: COMMAND.built }

const isCurrent = JSON.stringify([manifest['exports'], manifest['bin']]) === JSON.stringify([wanted, bin])

if (process.argv.includes('--check')) {
  if (!isCurrent) {
    console.error('The exports and bin of package.json do not match the folders in src: run `npm run exports`.')
    process.exitCode = 1
  }
} else if (!isCurrent) {
  writeFileSync(file, `${JSON.stringify({ ...manifest, bin, exports: wanted }, null, 2)}\n`)
  console.log(`package.json: wrote ${Object.keys(wanted).length} exports`)
}
