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
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { parse } from 'yaml'

const TIMEOUT_MS = 120_000

interface ScenarioSet {
  readonly name: string
  /** Protocol version of the suite's server; absent: the suite's own choice, as it wants it for extensions. */
  readonly version?: string
  readonly flags: readonly string[]
  /** How many scenarios the version requires of a client, or scenarios that no version requires. */
  readonly scenarios: number | readonly string[]
}

const PRESERVATION = ['json-schema-2020-12-preservation']

const SETS: readonly ScenarioSet[] = [
  { name: 'v2-2025-11-25', version: '2025-11-25', flags: [], scenarios: 18 },
  { name: 'v2-2026-07-28', version: '2026-07-28', flags: [], scenarios: 32 },
  { name: 'v1-2025-11-25', version: '2025-11-25', flags: ['--v1'], scenarios: 18 },
  { name: 'v2-preservation-2025-11-25', version: '2025-11-25', flags: [], scenarios: PRESERVATION },
  { name: 'v2-preservation-2026-07-28', version: '2026-07-28', flags: [], scenarios: PRESERVATION },
  {
    name: 'v2-2025-03-26',
    version: '2025-03-26',
    flags: [],
    scenarios: ['auth/2025-03-26-oauth-metadata-backcompat', 'auth/2025-03-26-oauth-endpoint-fallback'],
  },
  {
    name: 'v2-extensions',
    flags: [],
    scenarios: [
      'auth/client-credentials-jwt',
      'auth/client-credentials-basic',
      'auth/enterprise-managed-authorization',
      'auth/wif-jwt-bearer',
      'auth/dpop',
      'auth/dpop-nonce',
      'sep-2640-client-no-prefetch',
      'sep-2640-client-verify-digest',
      'sep-2640-client-verify-size',
      'sep-2640-client-verify-frontmatter',
    ],
  },
]

interface Verdict {
  readonly checks: number
  readonly problem: string | undefined
}

const { values } = parseArgs({ options: { only: { type: 'string', default: '' }, set: { type: 'string', default: '' } } })
const suite = dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json'))
const folder = mkdtempSync(join(tmpdir(), 'opspawn-conformance-'))

/** One file starts in a fraction of the time that a hundred take. Beside it the one of the thread that checks schemas. */
async function bundled(): Promise<string> {
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  await build({
    entryPoints: [
      join(import.meta.dirname, 'client.ts'),
      join(import.meta.dirname, '../../src/plugins/tool-mcp/validator-thread.ts'),
    ],
    entryNames: '[name]',
    outdir: folder,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    logLevel: 'error',
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url)",
    },
  })
  return join(folder, 'client.js')
}

/** What the version requires; that it is as many as it was says that nothing was lost. */
function scenariosOf({ version = '', scenarios }: ScenarioSet): readonly string[] {
  if (typeof scenarios !== 'number') return scenarios
  const { client } = parse(readFileSync(join(suite, 'requirements', `${version}.yaml`), 'utf8')) as { client: string[] }
  if (client.length !== scenarios) throw new Error(`${version} requires ${client.length} scenarios; ${scenarios} were expected`)
  return client
}

async function judge(client: string, scenario: string, { version, flags }: ScenarioSet): Promise<Verdict> {
  const out = mkdtempSync(join(folder, 'out-'))
  const command = ['node', client, ...flags].join(' ')
  const versions = version === undefined ? [] : ['--spec-version', version]
  const options = ['--scenario', scenario, ...versions, '--timeout', String(TIMEOUT_MS), '-o', out]
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
  for (const set of SETS.filter(({ name }) => name.includes(values.set))) {
    const { name } = set
    const chosen = scenariosOf(set).filter((scenario) => scenario.includes(values.only))
    let passed = 0
    let checks = 0
    for (const scenario of chosen) {
      const verdict = await judge(client, scenario, set)
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
