/**
 * Who may import whom, read from the import lines themselves: the rule survives a change of tools.
 * The same table stands in .dependency-cruiser.mjs.
 */
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, posix } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const core = /^src\/core\/index\.ts$/
const fetching = /^src\/fetching\/index\.ts$/
const planning = /^src\/planning\/index\.ts$/
const remembering = /^src\/remembering\/index\.ts$/
const builtin = /^builtin:/
const anyPackage = /^package:/
const cliPackage = /^package:(commander|yaml)$/
const documentPackage = /^package:(parse5|unpdf)$/
const smallPackage = /^package:(@cfworker\/json-schema|croner|eventemitter3|fastq|yaml|zod)$/

/** First row whose pattern fits the importing file; the targets that it may import. */
const table: readonly { from: RegExp; to: (folder: string) => readonly RegExp[] }[] = [
  { from: /^src\/core\//, to: () => [/^src\/core\//] },
  { from: /^src\/planning\//, to: () => [core, /^src\/planning\//] },
  {
    from: /^src\/plugins\/(planner-[^/]+)\//,
    to: (name) => [core, planning, new RegExp(`^src/plugins/${name}/`), builtin, anyPackage],
  },
  { from: /^src\/remembering\//, to: () => [core, /^src\/remembering\//, /^builtin:crypto$/] },
  {
    from: /^src\/plugins\/(memory-[^/]+)\//,
    to: (name) => [core, remembering, new RegExp(`^src/plugins/${name}/`), builtin, anyPackage],
  },
  { from: /^src\/fetching\//, to: () => [core, /^src\/fetching\//, builtin] },
  {
    from: /^src\/plugins\/(tool-[^/]+)\//,
    to: (name) => [core, fetching, remembering, new RegExp(`^src/plugins/${name}/`), builtin, anyPackage],
  },
  {
    from: /^src\/plugins\/([^/]+)\//,
    to: (name) => [core, new RegExp(`^src/plugins/${name}/`), builtin, anyPackage],
  },
  { from: /^src\/orchestrator\//, to: () => [core, /^src\/orchestrator\//, builtin, smallPackage] },
  { from: /^src\/documents\//, to: () => [core, /^src\/documents\//, builtin, documentPackage] },
  { from: /^src\/testing\//, to: () => [core, /^src\/testing\//, builtin] },
  {
    from: /^src\/cli\//,
    to: () => [
      core,
      /^src\/cli\//,
      /^src\/(orchestrator\/)?index\.ts$/,
      /^src\/(documents|plugins\/[^/]+)\/index\.ts$/,
      builtin,
      cliPackage,
    ],
  },
  {
    from: /^src\/[^/]+\.ts$/,
    to: () => [/^src\/[^/]+\.ts$/, /^src\/(core|orchestrator|plugins\/[^/]+)\/index\.ts$/, builtin, anyPackage],
  },
]

const importForms = [
  /^\s*(?:import|export)\b[\w\s{},*$]*?\bfrom\s*['"]([^'"]+)['"]/gm, // also type-only and over several lines
  /^\s*import\s*['"]([^'"]+)['"]/gm,
  /^(?!\s*(?:\*|\/\/)).*?\b(?:import|require|getBuiltinModule)\s*\(\s*['"]([^'"]+)['"]/gm,
]

function importsOf(text: string): string[] {
  return importForms.flatMap((form) => [...text.matchAll(form)].map((match) => match[1]!))
}

function targetOf(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(file), specifier)
  if (isBuiltin(specifier)) return `builtin:${specifier.replace(/^node:/, '')}`
  return `package:${specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')}`
}

function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>()
  const visit = (file: string, path: string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return undefined
    for (const target of graph.get(file) ?? []) {
      const cycle = visit(target, [...path, file])
      if (cycle) return cycle
    }
    done.add(file)
    return undefined
  }
  for (const file of graph.keys()) {
    const cycle = visit(file, [])
    if (cycle) return cycle
  }
  return undefined
}

/** One line for each broken rule in `root/src`. */
function violations(root: string): string[] {
  const files = globSync('src/**/*.ts', { cwd: root })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => !/\.test(-d)?\.ts$/.test(file))
  const found: string[] = []
  const graph = new Map<string, string[]>()
  for (const file of files) {
    const targets = importsOf(readFileSync(join(root, file), 'utf8')).map((name) => targetOf(file, name))
    graph.set(file, targets)
    const row = table.find(({ from }) => from.test(file))
    const allowed = row?.to(row.from.exec(file)?.[1] ?? '') ?? []
    for (const target of targets) {
      if (!allowed.some((pattern) => pattern.test(target))) found.push(`${file} -> ${target}`)
    }
  }
  const cycle = findCycle(graph)
  return cycle ? [...found, `cycle: ${cycle.join(' -> ')}`] : found
}

describe('boundaries', () => {
  it('hold in src', () => {
    expect(violations(join(import.meta.dirname, '..'))).toEqual([])
  })

  describe('on planted sources', () => {
    let root = ''
    const plant = (file: string, text: string): void => {
      mkdirSync(dirname(join(root, file)), { recursive: true })
      writeFileSync(join(root, file), text)
    }
    beforeEach(() => {
      root = mkdtempSync(join(tmpdir(), 'opspawn-boundaries-'))
      plant('src/core/index.ts', `export { a } from './a.ts'\n`)
      plant('src/core/a.ts', `/** @example\n * import { x } from 'opspawn'\n */\nexport const a = 'import x from "zod"'\n`)
      plant('src/orchestrator/index.ts', `import fastq from 'fastq'\nimport { a } from '../core/index.ts'\n`)
      plant('src/plugins/x-y/index.ts', `import 'node:fs'\nimport type { T } from '@scope/any/deep'\nimport './own.ts'\n`)
      plant('src/plugins/x-y/own.ts', `import { a } from '../../core/index.ts'\n`)
      plant('src/planning/index.ts', `import { a } from '../core/index.ts'\n`)
      plant('src/plugins/planner-p/index.ts', `import '../../planning/index.ts'\n`)
      plant('src/remembering/index.ts', `import { a } from '../core/index.ts'\nimport { createHash } from 'node:crypto'\n`)
      plant('src/plugins/memory-m/index.ts', `import '../../remembering/index.ts'\n`)
      plant('src/fetching/index.ts', `import { a } from '../core/index.ts'\nimport { request } from 'node:https'\n`)
      plant('src/plugins/tool-t/index.ts', `import '../../fetching/index.ts'\nimport '../../remembering/index.ts'\n`)
      plant('src/testing/index.ts', `import { a } from '../core/index.ts'\nimport { readFileSync } from 'node:fs'\n`)
      plant('src/cli/main.ts', `import 'commander'\nvoid import('../index.ts')\nvoid import('../plugins/x-y/index.ts')\n`)
      plant('src/index.ts', `export { a } from './core/index.ts'\nexport * from './plugins/x-y/index.ts'\n`)
    })
    afterEach(() => rmSync(root, { recursive: true }))

    it('accept what the table allows', () => {
      expect(violations(root)).toEqual([])
    })

    it.each([
      ['core', 'a plugin', 'src/core/b.ts', `import {\n  a,\n} from '../plugins/x-y/index.ts'`, 'src/plugins/x-y/index.ts'],
      ['core', 'node:fs', 'src/core/b.ts', `import { readFileSync } from 'node:fs'`, 'builtin:fs'],
      ['core', 'a bare builtin', 'src/core/b.ts', `import type { Stats } from 'fs'`, 'builtin:fs'],
      ['core', 'a package', 'src/core/b.ts', `export const z = () => import('zod')`, 'package:zod'],
      ['core', 'a builtin by function', 'src/core/b.ts', `process.getBuiltinModule('fs')`, 'builtin:fs'],
      ['a plugin', 'another plugin', 'src/plugins/z/index.ts', `import '../x-y/own.ts'`, 'src/plugins/x-y/own.ts'],
      ['a plugin', "core's insides", 'src/plugins/z/index.ts', `import '../../core/a.ts'`, 'src/core/a.ts'],
      [
        'a plugin',
        'the orchestrator',
        'src/plugins/z/index.ts',
        `import '../../orchestrator/index.ts'`,
        'src/orchestrator/index.ts',
      ],
      ['a plugin', 'what planners share', 'src/plugins/z/index.ts', `import '../../planning/index.ts'`, 'src/planning/index.ts'],
      [
        'a plugin',
        'what memories share',
        'src/plugins/z/index.ts',
        `import '../../remembering/index.ts'`,
        'src/remembering/index.ts',
      ],
      [
        'a memory',
        'another memory',
        'src/plugins/memory-z/index.ts',
        `import '../memory-m/index.ts'`,
        'src/plugins/memory-m/index.ts',
      ],
      [
        'a memory',
        'insides of what memories share',
        'src/plugins/memory-z/index.ts',
        `import '../../remembering/a.ts'`,
        'src/remembering/a.ts',
      ],
      ['remembering', 'a plugin', 'src/remembering/b.ts', `import '../plugins/x-y/index.ts'`, 'src/plugins/x-y/index.ts'],
      ['remembering', 'a builtin but crypto', 'src/remembering/b.ts', `import 'node:fs'`, 'builtin:fs'],
      [
        'the orchestrator',
        'what memories share',
        'src/orchestrator/b.ts',
        `import '../remembering/index.ts'`,
        'src/remembering/index.ts',
      ],
      ['a plugin', 'what tools share', 'src/plugins/z/index.ts', `import '../../fetching/index.ts'`, 'src/fetching/index.ts'],
      [
        'a tool',
        'insides of what tools share',
        'src/plugins/tool-z/index.ts',
        `import '../../fetching/a.ts'`,
        'src/fetching/a.ts',
      ],
      ['a tool', 'another tool', 'src/plugins/tool-z/index.ts', `import '../tool-t/index.ts'`, 'src/plugins/tool-t/index.ts'],
      ['fetching', 'a plugin', 'src/fetching/b.ts', `import '../plugins/x-y/index.ts'`, 'src/plugins/x-y/index.ts'],
      ['fetching', 'a package', 'src/fetching/b.ts', `import 'undici'`, 'package:undici'],
      ['the orchestrator', 'what tools share', 'src/orchestrator/b.ts', `import '../fetching/index.ts'`, 'src/fetching/index.ts'],
      ['planning', 'a plugin', 'src/planning/b.ts', `import '../plugins/x-y/index.ts'`, 'src/plugins/x-y/index.ts'],
      ['planning', 'a builtin', 'src/planning/b.ts', `import 'node:fs'`, 'builtin:fs'],
      [
        'the orchestrator',
        'what planners share',
        'src/orchestrator/b.ts',
        `import '../planning/index.ts'`,
        'src/planning/index.ts',
      ],
      ['the orchestrator', 'a plugin', 'src/orchestrator/b.ts', `import '../plugins/x-y/index.ts'`, 'src/plugins/x-y/index.ts'],
      ['the orchestrator', 'a big package', 'src/orchestrator/b.ts', `import 'express'`, 'package:express'],
      ['testing', 'a package', 'src/testing/b.ts', `import { it } from 'vitest'`, 'package:vitest'],
      ['testing', 'the orchestrator', 'src/testing/b.ts', `import '../orchestrator/index.ts'`, 'src/orchestrator/index.ts'],
      ['documents', 'a plugin', 'src/documents/b.ts', `import '../plugins/x-y/index.ts'`, 'src/plugins/x-y/index.ts'],
      ['documents', 'what memories share', 'src/documents/b.ts', `import '../remembering/index.ts'`, 'src/remembering/index.ts'],
      ['documents', 'a package of its own choice', 'src/documents/b.ts', `import('marked')`, 'package:marked'],
      ['a plugin', 'documents', 'src/plugins/z/index.ts', `import '../../documents/index.ts'`, 'src/documents/index.ts'],
      ['the command line', "core's insides", 'src/cli/b.ts', `import '../core/a.ts'`, 'src/core/a.ts'],
      [
        'the command line',
        "a plugin's insides",
        'src/cli/commands/b.ts',
        `import('../../plugins/x-y/own.ts')`,
        'src/plugins/x-y/own.ts',
      ],
      [
        'the command line',
        "the orchestrator's insides",
        'src/cli/b.ts',
        `import('../orchestrator/b.ts')`,
        'src/orchestrator/b.ts',
      ],
      ['the command line', 'what planners share', 'src/cli/b.ts', `import '../planning/index.ts'`, 'src/planning/index.ts'],
      ['the command line', 'a package of its own choice', 'src/cli/b.ts', `import 'yargs'`, 'package:yargs'],
      ['a part', 'the command line', 'src/orchestrator/b.ts', `import '../cli/main.ts'`, 'src/cli/main.ts'],
      ['the top level', 'insides', 'src/local.ts', `import './core/a.ts'`, 'src/core/a.ts'],
    ])('refuse that %s imports %s', (_from, _what, file, text, target) => {
      plant(file, `${text}\n`)
      expect(violations(root)).toEqual([`${file} -> ${target}`])
    })

    it('refuse a folder that the table does not know', () => {
      plant('src/misc/b.ts', `import '../core/index.ts'\n`)
      expect(violations(root)).toEqual(['src/misc/b.ts -> src/core/index.ts'])
    })

    it('refuse a cycle', () => {
      plant('src/core/b.ts', `import type { C } from './c.ts'\n`)
      plant('src/core/c.ts', `export type { B } from './b.ts'\n`)
      expect(violations(root)).toEqual(['cycle: src/core/b.ts -> src/core/c.ts -> src/core/b.ts'])
    })
  })
})
