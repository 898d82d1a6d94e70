import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ContenderName } from '../contenders/contender.ts'
import { contenders } from '../contenders/contender.ts'

export interface Installed {
  readonly packages: number
  readonly megabytes: number
}

const bench = fileURLToPath(new URL('..', import.meta.url))
const manifest = JSON.parse(readFileSync(join(bench, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>
  overrides: Record<string, string>
}

/** Installs one contender alone into an empty folder, zod beside it, and counts what arrived. */
export function measureInstall(name: ContenderName): Installed | string {
  const folder = mkdtempSync(join(tmpdir(), 'opspawn-bench-'))
  try {
    const target = name === 'opspawn' ? packed(folder) : manifest.dependencies[contenders[name].package]
    if (target === undefined) return `${contenders[name].package} is no dependency of the benchmark`
    const beside = Object.fromEntries(besides(name).map((one) => [one, manifest.dependencies[one]]))
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({
        private: true,
        dependencies: { ...beside, [contenders[name].package]: target },
        overrides: name === 'langchain' ? manifest.overrides : {},
      }),
    )
    npm(['install', '--no-audit', '--no-fund', '--omit=dev'], folder)
    return count(join(folder, 'node_modules'))
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const besides = (name: ContenderName): string[] =>
  name === 'langchain' ? ['zod', '@langchain/core', '@langchain/langgraph'] : name === 'opspawn' ? [] : ['zod']

function packed(folder: string): string {
  if (!existsSync(join(bench, '..', 'dist', 'index.js'))) throw new Error('opspawn is not built: npm run build, one folder up')
  npm(['pack', '--ignore-scripts', '--pack-destination', folder], join(bench, '..'))
  const tarball = readdirSync(folder).find((file) => file.endsWith('.tgz'))
  if (tarball === undefined) throw new Error('npm pack made no tarball')
  return `file:${tarball}`
}

function npm(args: string[], cwd: string): void {
  const script = process.env['npm_execpath']
  const [command, first] = script === undefined ? ['npm', []] : [process.execPath, [script]]
  // Settings of the npm that runs this script (its prefix, its workspace) must not leak into the inner one.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^npm_(config_local|package|lifecycle)/.test(key)),
  )
  const { status, stderr } = spawnSync(command, [...first, ...args], { cwd, env, encoding: 'utf8', timeout: 180_000 })
  if (status !== 0) throw new Error(`npm ${args[0]} failed (${status ?? 'timed out'}): ${stderr.slice(-500)}`)
}

function count(modules: string): Installed {
  const lock = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8')) as { packages: Record<string, unknown> }
  let bytes = 0
  for (const entry of readdirSync(modules, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size
  }
  return { packages: Object.keys(lock.packages).length, megabytes: bytes / 1_000_000 }
}
