import { existsSync, globSync } from 'node:fs'
import { defineConfig } from 'tsup'
import { COMMAND, packageEntries } from './scripts/entries.ts'

const entries = Object.fromEntries(
  packageEntries('.')
    .filter(({ source }) => existsSync(source))
    .map(({ name, source }) => [name, source]),
)
// Started by their file, so each is a file of its own beside its plugin's entry; nobody imports them.
const threads = Object.fromEntries(
  globSync('src/plugins/*/*-thread.ts').map((source) => [
    source.replaceAll('\\', '/').slice('src/'.length, -'.ts'.length),
    source,
  ]),
)

const config: ReturnType<typeof defineConfig> = defineConfig({
  // The command has no types to import: nobody does.
  entry: { ...entries, ...threads, [COMMAND.name]: COMMAND.source },
  format: 'esm',
  target: 'node22',
  // One copy of each class: without shared chunks `instanceof` fails across subpaths.
  splitting: true,
  // A package that is not declared must fail in pack-check, not be copied into our files.
  skipNodeModulesBundle: true,
  dts: { entry: entries },
  sourcemap: true,
  clean: true,
  // node:sqlite exists only under that name.
  removeNodeProtocol: false,
})

export default config
