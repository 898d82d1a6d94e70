import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ContenderName } from '../contenders/contender.ts'
import { quietEnvironment } from '../child.ts'
import { median } from '../statistics.ts'

/** What a program that uses the package imports first; the second row is a package's other entry. */
export const entries: Readonly<Record<string, Partial<Record<ContenderName, string>>>> = {
  import: {
    floor: 'zod',
    opspawn: 'opspawn',
    ai: 'ai',
    'openai-agents': '@openai/agents',
    mastra: '@mastra/core/agent',
    langchain: 'langchain',
  },
  'import-other': { floor: 'zod', opspawn: 'opspawn/core', mastra: '@mastra/core', langchain: '@langchain/langgraph' },
}

const launches = 15

/**
 * Milliseconds from launch to exit of a process that imports the entry, above one that imports nothing.
 * Files are in the disk cache (the first launch of each is thrown away), compiled code is not.
 */
export function measureImports(
  names: readonly ContenderName[],
  report: (name: ContenderName, row: string, ms: number[] | string) => void,
): void {
  const wanted = Object.entries(entries).flatMap(([row, specifiers]) =>
    names.flatMap((name) =>
      specifiers[name] === undefined ? [] : [{ row, name, specifier: specifiers[name], ms: [] as number[] }],
    ),
  )
  const empty: number[] = []
  const importable = wanted.filter(({ name, row, specifier }) => {
    const { failed } = launch(specifier)
    if (failed !== undefined) report(name, row, `cannot import ${specifier}: ${failed}`)
    return failed === undefined
  })
  for (let round = 0; round < launches; round += 1) {
    empty.push(launch().ms)
    for (const entry of importable) entry.ms.push(launch(entry.specifier).ms)
  }
  const base = median(empty)
  for (const { name, row, ms } of importable) {
    report(
      name,
      row,
      ms.map((one) => one - base),
    )
  }
}

function launch(specifier?: string): { ms: number; failed?: string } {
  const code = specifier === undefined ? 'process.exit(0)' : `await import(${JSON.stringify(specifier)}); process.exit(0)`
  const start = performance.now()
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: quietEnvironment,
    encoding: 'utf8',
  })
  const ms = performance.now() - start
  return status === 0 ? { ms } : { ms, failed: /^.*Error.*$/m.exec(stderr)?.[0] ?? `exit code ${status}` }
}
