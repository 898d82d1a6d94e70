import { existsSync } from 'node:fs'
import { defineConfig } from 'tsup'
import { packageEntries } from './scripts/entries.ts'

const entries = packageEntries('.').filter(({ source }) => existsSync(source))

const config: ReturnType<typeof defineConfig> = defineConfig({
  entry: Object.fromEntries(entries.map(({ name, source }) => [name, source])),
  format: 'esm',
  target: 'node22',
  // One copy of each class: without shared chunks `instanceof` fails across subpaths.
  splitting: true,
  // A package that is not declared must fail in pack-check, not be copied into our files.
  skipNodeModulesBundle: true,
  dts: true,
  sourcemap: true,
  clean: true,
})

export default config
