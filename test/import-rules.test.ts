/**
 * `npm run check` reads the imports with dependency-cruiser. Here its command is called as there, on copies of the sources with
 * one fault planted in each.
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
const stepsOf = (script: string): readonly string[] => (scripts[script] ?? '').split(' && ')

let house = ''
beforeAll(() => {
  house = mkdtempSync(join(tmpdir(), 'opspawn-imports-'))
  for (const file of ['.dependency-cruiser.mjs', 'tsconfig.json', 'package.json']) cpSync(join(root, file), join(house, file))
  // Rooms that need no package, so that none has to lie beside the copy.
  for (const room of ['core', 'planning', 'plugins/store-memory', 'plugins/planner-tools']) {
    cpSync(join(root, 'src', room), join(house, 'src', room), { recursive: true })
  }
})
afterAll(() => rmSync(house, { recursive: true, force: true }))

interface Read {
  readonly code: number
  readonly said: string
}

/** Has the imports of the copy read with the command of `npm run lint`. */
function readImports(): Promise<Read> {
  const [, ...args] =
    stepsOf('lint')
      .find((step) => step.startsWith('depcruise '))
      ?.split(' ') ?? []
  const command = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs')
  return new Promise((resolve) => {
    execFile(process.execPath, [command, ...args], { cwd: house, env: { NO_COLOR: '1' } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), said: stdout + stderr })
    })
  })
}

/** Plants sources, reads, and takes them out again. */
async function readWith(sources: Readonly<Record<string, string>>): Promise<Read> {
  const files = Object.entries(sources).map(([file, text]) => [join(house, file), text] as const)
  for (const [file, text] of files) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, `${text}\n`)
  }
  try {
    return await readImports()
  } finally {
    for (const [file] of files) rmSync(file)
  }
}

describe('npm run check', () => {
  it('reads the imports, and ends with the first step that fails', () => {
    expect(stepsOf('check')).toContain('npm run -s lint')
    expect(stepsOf('lint')).toContain('depcruise src')
    expect(scripts['check']).not.toMatch(/;|\|/)
    expect(scripts['lint']).not.toMatch(/;|\|/)
  })

  it('takes the sources as they are', async () => {
    const { code, said } = await readImports()
    expect(said).toContain('no dependency violations found')
    expect(code).toBe(0)
  })

  it.each<[string, string, Readonly<Record<string, string>>]>([
    [
      'core imports a plugin',
      'core-is-alone: src/core/planted.ts → src/plugins/store-memory/index.ts',
      { 'src/core/planted.ts': `export { memoryStore } from '../plugins/store-memory/index.ts'` },
    ],
    [
      'core imports a type of a plugin',
      'core-is-alone: src/core/planted.ts → src/plugins/store-memory/index.ts',
      { 'src/core/planted.ts': `export type { MemoryStoreOptions } from '../plugins/store-memory/index.ts'` },
    ],
    [
      'core imports node:fs',
      'core-is-alone: src/core/planted.ts → fs',
      { 'src/core/planted.ts': `export { readFileSync } from 'node:fs'` },
    ],
    [
      'core imports node:fs late',
      'core-is-alone: src/core/planted.ts → fs',
      { 'src/core/planted.ts': `export const late = () => import('node:fs')` },
    ],
    [
      'there is a cycle',
      'no-circular: src/core/planted',
      {
        'src/core/planted.ts': `import type { B } from './planted-too.ts'\nexport type A = B | 1`,
        'src/core/planted-too.ts': `import type { A } from './planted.ts'\nexport type B = A | 2`,
      },
    ],
    [
      'a plugin imports another one',
      'planners-see-planning: src/plugins/planner-tools/planted.ts → src/plugins/store-memory/index.ts',
      { 'src/plugins/planner-tools/planted.ts': `export { memoryStore } from '../store-memory/index.ts'` },
    ],
    [
      'a store imports what planners share',
      'plugins-see-core: src/plugins/store-memory/planted.ts → src/planning/index.ts',
      { 'src/plugins/store-memory/planted.ts': `export * from '../../planning/index.ts'` },
    ],
  ])('is red where %s', async (_what, violation, sources) => {
    const { code, said } = await readWith(sources)
    expect(said).toContain(violation)
    expect(code).toBeGreaterThan(0)
  })
})
