/**
 * Runs the client scenarios that each protocol version requires, one behind the other, by a run of an agent that
 * has the tools of the suite's server.
 *
 * A scenario counts when its client ended with 0 in time and the suite made at least one check, and none failed: the suite by
 * itself takes a scenario without checks, and a client that failed, for passed.
 *
 *     node test/mcp-conformance/main.ts [--only part-of-a-name] [--set v2-2026-07-28]
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { parse } from 'yaml'

const TIMEOUT_MS = 120_000

/** Driver, protocol version, and how many scenarios the version requires of a client. */
const SETS = [
  { name: 'v2-2025-11-25', version: '2025-11-25', flags: [], scenarios: 18 },
  { name: 'v2-2026-07-28', version: '2026-07-28', flags: [], scenarios: 32 },
  { name: 'v1-2025-11-25', version: '2025-11-25', flags: ['--v1'], scenarios: 18 },
] as const

interface Verdict {
  readonly checks: number
  readonly problem: string | undefined
}

const { values } = parseArgs({ options: { only: { type: 'string', default: '' }, set: { type: 'string', default: '' } } })
const suite = dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json'))
const folder = mkdtempSync(join(tmpdir(), 'opspawn-conformance-'))

/** One file starts in a fraction of the time that a hundred take. */
async function bundled(): Promise<string> {
  const outfile = join(folder, 'client.mjs')
  await build({
    entryPoints: [join(import.meta.dirname, 'client.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    logLevel: 'error',
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url)",
    },
  })
  return outfile
}

function required(version: string): readonly string[] {
  const { client } = parse(readFileSync(join(suite, 'requirements', `${version}.yaml`), 'utf8')) as { client: string[] }
  return client
}

async function judge(client: string, scenario: string, version: string, flags: readonly string[]): Promise<Verdict> {
  const out = mkdtempSync(join(folder, 'out-'))
  const command = ['node', client, ...flags].join(' ')
  const options = ['--scenario', scenario, '--spec-version', version, '--timeout', String(TIMEOUT_MS), '-o', out]
  const { text, code } = await output([join(suite, 'dist/index.js'), 'client', '--command', command, ...options])
  const checks = checksIn(out)
  const failed = checks.filter(({ status }) => status === 'FAILURE')
  const passed = checks.filter(({ status }) => status === 'SUCCESS')
  const problem = [
    code !== 0 && `the suite ended with ${code}`,
    clientFailed(text) && 'the client did not end with 0 in time',
    passed.length === 0 && 'no check was made',
    failed.length > 0 && failed.map(({ id, errorMessage }) => `${id}: ${errorMessage ?? 'failed'}`).join('; '),
  ].filter((one) => typeof one === 'string')
  return { checks: checks.length, problem: problem.length === 0 ? undefined : `${problem.join('; ')}\n${text}` }
}

function output(args: readonly string[]): Promise<{ readonly text: string; readonly code: number | null }> {
  const child = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const parts: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => parts.push(part))
  child.stderr.on('data', (part: Buffer) => parts.push(part))
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ text: Buffer.concat(parts).toString('utf8'), code }))
  })
}

/** What the suite says of the client itself, besides its checks. */
function clientFailed(text: string): boolean {
  return /Client exited with code (?!0\b)|timed out|CLIENT-FAILED/i.test(text)
}

interface Check {
  readonly id: string
  readonly status: string
  readonly errorMessage?: string
}

function checksIn(out: string): readonly Check[] {
  const files = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('checks.json'))
  return files.flatMap((file) => JSON.parse(readFileSync(join(out, file), 'utf8')) as Check[])
}

let failures = 0
try {
  const client = await bundled()
  for (const { name, version, flags, scenarios } of SETS.filter((set) => set.name.includes(values.set))) {
    const all = required(version)
    if (all.length !== scenarios) throw new Error(`${version} requires ${all.length} scenarios; ${scenarios} were expected`)
    const chosen = all.filter((scenario) => scenario.includes(values.only))
    let passed = 0
    let checks = 0
    for (const scenario of chosen) {
      const verdict = await judge(client, scenario, version, flags)
      checks += verdict.checks
      if (verdict.problem === undefined) passed += 1
      else console.error(`${name} ${scenario}: ${verdict.problem}\n`)
    }
    failures += chosen.length - passed
    console.log(`${name}: ${passed}/${chosen.length} scenarios, ${checks} checks`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = failures === 0 ? 0 : 1
