/**
 * Holds the documentation against the source: links, lengths, budgets, tables, and the snippets, which are type-checked and run
 * offline. `node scripts/docs-check.ts` prints what is wrong; with `--write` it first writes the generated parts anew.
 *
 * A ```ts block that imports opspawn is a program: it must compile, and run without network or keys. `ts no-run` in its
 * first line leaves out the running. A block ```text output right behind a program is what it must print.
 */
import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, posix, relative } from 'node:path'
import ts from 'typescript'
import { DEFAULT_LIMITS, ERROR_CODES, errorInfo, RUN_TRANSITIONS } from '../src/core/index.ts'
import { AGENT_TRANSITIONS } from '../src/orchestrator/agent-board.ts'
import { DEFAULT_RETRY, DEFAULT_TIMING } from '../src/orchestrator/index.ts'
import { checkBudgets, checkLengths } from './budgets.ts'
import { NUMBERS } from './limit-numbers.ts'
import { workflowTables } from './workflow-tables.ts'
import { commandPages, commonOptions, shapeOf } from './cli-reference.ts'

const root = join(import.meta.dirname, '..')

/** Pages whose links are checked. */
export function pages(): readonly string[] {
  const found = globSync(['*.md', 'docs/**/*.md', 'examples/*.md', 'bench/*.md'], { cwd: root })
  return found.filter((file) => !file.startsWith(join('docs', 'reference', 'api'))).toSorted()
}

/** The text of a file; none if it is not there. */
function read(file: string): string {
  return existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : ''
}

// ── Links ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Relative links and anchors that lead nowhere. */
export function checkLinks(): readonly string[] {
  return pages().flatMap((page) => {
    const text = withoutCode(read(page))
    return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
      if (/^[a-z]+:/.test(link)) return []
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? page : posix.join(posix.dirname(page), path)
      if (!existsSync(join(root, target))) return [`${page}: ${link} leads to nothing`]
      if (anchor === undefined || !target.endsWith('.md')) return []
      return anchorsOf(read(target)).has(anchor) ? [] : [`${page}: ${link}: ${target} has no heading for #${anchor}`]
    })
  })
}

function withoutCode(text: string): string {
  return text.replaceAll(/^```.*?^```/gms, '').replaceAll(/`[^`\n]*`/g, '')
}

/** Anchors as GitHub makes them of headings. */
function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of text.replaceAll(/^```.*?^```/gms, '').matchAll(/^#{1,6}\s+(.+)$/gm)) {
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    const slug = plain
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-')
    let anchor = slug
    for (let count = 1; anchors.has(anchor); count += 1) anchor = `${slug}-${count}`
    anchors.add(anchor)
  }
  return anchors
}

// ── Generated parts ────────────────────────────────────────────────────────────────────────────────────────────────

/** What stands between `<!-- generated: name -->` and `<!-- end -->`, by file and name. */
const GENERATED: Readonly<Record<string, Readonly<Record<string, () => string>>>> = {
  'docs/reference/errors.md': { errors: errorTable },
  'docs/reference/workflow-document.md': workflowTables,
  'docs/reference/cli.md': {
    common: commonOptions,
    commands: commandPages,
    shapes: () =>
      [
        ...['RunSummary', 'RunResult', 'Step'].map((name) => shapeOf(read('src/cli/showing/timeline.ts'), name)),
        ...['Paused', 'Quarantined', 'Parked'].map((name) => shapeOf(read('src/cli/runs/attention.ts'), name)),
      ].join('\n\n'),
  },
  'docs/reference/status.md': {
    run: () => diagram(RUN_TRANSITIONS, 'queued'),
    agent: () => diagram(AGENT_TRANSITIONS, 'idle'),
  },
}

function errorTable(): string {
  const rows = ERROR_CODES.map((code) => {
    const { meaning, retryable, http, grpc, exit } = errorInfo(code)
    return `| \`${code}\` | ${meaning} | ${retryable ? 'yes' : 'no'} | ${http} | ${grpc} | ${exit} |`
  })
  return ['| Code | Meaning | Retryable | HTTP | gRPC | Exit |', '|---|---|---|---|---|---|', ...rows].join('\n')
}

function diagram(table: Readonly<Record<string, readonly string[]>>, first: string): string {
  const lines = [`  [*] --> ${first}`, ...pairsOf(table).map(([from, to]) => `  ${from} --> ${to}`)]
  const final = Object.keys(table).filter((state) => table[state]?.length === 0)
  return ['```mermaid', 'stateDiagram-v2', ...lines, ...final.map((state) => `  ${state} --> [*]`), '```'].join('\n')
}

function pairsOf(table: Readonly<Record<string, readonly string[]>>): readonly (readonly [string, string])[] {
  return Object.entries(table).flatMap(([from, targets]) => targets.map((to) => [from, to] as const))
}

/** Generated parts that are not what the source says; with `write` they are made so. */
export function checkGenerated(write: boolean): readonly string[] {
  return Object.entries(GENERATED).flatMap(([file, parts]) => {
    const before = read(file)
    let text = before
    const missing = Object.keys(parts).flatMap((name) => {
      const pattern = new RegExp(`(<!-- generated: ${name} -->\n).*?(\n<!-- end -->)`, 's')
      if (!pattern.test(text)) return [`${file} has no part <!-- generated: ${name} -->`]
      text = text.replace(pattern, (_, start: string, end: string) => `${start}\n${parts[name]?.()}\n${end}`)
      return []
    })
    if (text === before) return missing
    if (!write) return [...missing, `${file} is out of step with the source: run node scripts/docs-check.ts --write`]
    writeFileSync(join(root, file), text)
    return missing
  })
}

// ── Tables written by hand ─────────────────────────────────────────────────────────────────────────────────────────

/** Rows `| from | to |` of status.md against the tables of transitions. */
export function checkStatus(): readonly string[] {
  const page = 'docs/reference/status.md'
  const rows = [...read(page).matchAll(/^\| `(\w+)` \| `(\w+)` \|/gm)].map(([, from, to]) => `${from} to ${to}`)
  const legal = [...pairsOf(RUN_TRANSITIONS), ...pairsOf(AGENT_TRANSITIONS)].map(([from, to]) => `${from} to ${to}`)
  return differences(page, 'change', legal, rows)
}

/** Headings and rows of events.md against the unions in core/event.ts. */
export function checkEvents(): readonly string[] {
  const page = 'docs/reference/events.md'
  const source = ts.createSourceFile('event.ts', read('src/core/event.ts'), ts.ScriptTarget.Latest, true)
  const declared = [...unionMembers(source, 'RunEventBody'), ...unionMembers(source, 'LiveEvent')]
  const sections = read(page).split(/^### /m).slice(1)
  const told = new Map(
    sections.map((section) => {
      const name = /^`([a-z-]+)`/.exec(section)?.[1] ?? ''
      const fields = [...section.matchAll(/^\| `(\w+\??)` \|/gm)].map(([, field = '']) => field)
      return [name, fields]
    }),
  )
  const names = declared.map(({ type }) => type)
  return [
    ...differences(page, 'event', names, [...told.keys()]),
    ...declared.flatMap(({ type, fields }) => differences(page, `field of ${type}`, fields, told.get(type) ?? fields)),
  ]
}

function unionMembers(
  source: ts.SourceFile,
  name: string,
): readonly { readonly type: string; readonly fields: readonly string[] }[] {
  const alias = source.statements.find(
    (one): one is ts.TypeAliasDeclaration => ts.isTypeAliasDeclaration(one) && one.name.text === name,
  )
  // The unions stand inside `Readonly<…>`, which a mapped type passes on to each member.
  const union = alias !== undefined && ts.isTypeReferenceNode(alias.type) ? alias.type.typeArguments?.[0] : alias?.type
  if (union === undefined || !ts.isUnionTypeNode(union)) throw new Error(`core/event.ts has no union ${name}`)
  return union.types.filter(ts.isTypeLiteralNode).map(({ members }) => {
    const properties = members.filter(ts.isPropertySignature)
    const type = properties.find((member) => member.name.getText() === 'type')?.type?.getText() ?? ''
    const others = properties.filter((member) => member.name.getText() !== 'type')
    return {
      type: type.slice(1, -1),
      fields: others.map((member) => `${member.name.getText()}${member.questionToken === undefined ? '' : '?'}`),
    }
  })
}

/** Rows of limits.md against the defaults in the source. */
export function checkLimits(): readonly string[] {
  const page = 'docs/reference/limits.md'
  const wanted = new Map<string, string>()
  for (const member of interfaceMembers('src/core/budget.ts', 'RunLimits')) wanted.set(member, 'none')
  for (const table of [DEFAULT_LIMITS, DEFAULT_TIMING, DEFAULT_RETRY])
    for (const [name, value] of Object.entries(table)) wanted.set(name, String(value))
  const sources = globSync('src/**/*.ts', { cwd: root, exclude: (name) => /\.test(-d)?\.ts$/.test(name) }).map(read)
  const lost: string[] = []
  for (const [name, pattern] of Object.entries(NUMBERS)) {
    const found = sources.map((text) => pattern.exec(text)?.[1]).find((value) => value !== undefined)
    if (found === undefined) lost.push(`scripts/docs-check.ts: ${String(pattern)} for "${name}" is nowhere in src`)
    else wanted.set(name, found.replaceAll('_', ''))
  }
  const rows = [...read(page).matchAll(/^\| `([^`]+)` \| ([\d,]+|none) \|/gm)]
  const told = rows.map(([, name, value = '']) => `${name} = ${value.replaceAll(',', '')}`)
  const known = [...wanted].map(([name, value]) => `${name} = ${value}`)
  return [...lost, ...differences(page, 'number', known, told)]
}

function interfaceMembers(file: string, name: string): readonly string[] {
  const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true)
  const found = source.statements.find(
    (one): one is ts.InterfaceDeclaration => ts.isInterfaceDeclaration(one) && one.name.text === name,
  )
  if (found === undefined) throw new Error(`${file} has no interface ${name}`)
  return found.members.map((member) => member.name?.getText() ?? '')
}

function differences(page: string, what: string, wanted: readonly string[], told: readonly string[]): readonly string[] {
  return [
    ...wanted.filter((one) => !told.includes(one)).map((one) => `${page}: ${what} "${one}" of the source is missing`),
    ...told.filter((one) => !wanted.includes(one)).map((one) => `${page}: ${what} "${one}" is not in the source`),
    ...told.filter((one, index) => told.indexOf(one) < index).map((one) => `${page}: ${what} "${one}" stands there twice`),
  ]
}

/** Every plugin folder has a page of its name. */
export function checkPluginPages(): readonly string[] {
  const folders = globSync('src/plugins/*/index.ts', { cwd: root }).map((file) => posix.basename(dirname(file)))
  return folders.flatMap((name) =>
    existsSync(join(root, `docs/how-to/${name}.md`)) ? [] : [`src/plugins/${name} has no page docs/how-to/${name}.md`],
  )
}

// ── Snippets ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** A program in a page. */
export interface Snippet {
  /** Page and line, for messages. */
  readonly place: string
  readonly code: string
  readonly runs: boolean
  /** What it must print, if the page says so. */
  readonly output: string | undefined
}

const BLOCK = /^```ts([^\n]*)\n(.*?)^```\n?(?:\n```text output\n(.*?)^```)?/gms

/** The programs of all pages: blocks that import opspawn. */
export function snippets(): readonly Snippet[] {
  return pages().flatMap((page) => {
    const text = read(page)
    return [...text.matchAll(BLOCK)].flatMap((match) => {
      const [, info = '', code = '', output] = match
      if (!/from 'opspawn/.test(code)) return []
      const line = text.slice(0, match.index).split('\n').length
      return [{ place: `${page}:${line}`, code, runs: !info.includes('no-run'), output }]
    })
  })
}

/** Type-checks all programs together and runs those that run; gives what went wrong. */
export async function checkSnippets(): Promise<readonly string[]> {
  // Inside the repository, so that packages are found; named `dist`, so that git, lint and the formatter pass over it.
  const parent = mkdtempSync(join(root, '.docs-'))
  const folder = join(parent, 'dist')
  mkdirSync(folder)
  try {
    const files = snippets().map((snippet, index) => {
      const name = `${String(index).padStart(2, '0')}-${snippet.place.replaceAll(/[^a-z0-9]+/gi, '-')}.ts`
      writeFileSync(join(folder, name), `${snippet.code}\nexport {}\n`)
      return { snippet, name }
    })
    const places = new Map(files.map(({ snippet, name }) => [name, snippet.place]))
    const [typeErrors, ...runErrors] = await Promise.all([
      checkTypes(folder, places),
      ...inLanes(
        files.filter(({ snippet }) => snippet.runs),
        ({ snippet, name }) => runSnippet(folder, name, snippet),
      ),
    ])
    return [...typeErrors, ...runErrors.flat()]
  } finally {
    rmSync(parent, { recursive: true, force: true })
  }
}

async function checkTypes(folder: string, places: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const compilerOptions = { declaration: false, isolatedDeclarations: false }
  const config = { extends: relative(folder, join(root, 'tsconfig.json')), compilerOptions, include: ['*.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const { stdout } = await start(join(root, 'node_modules/.bin/tsc'), ['-p', folder], root)
  // Only the programs are judged here: the sources have their own check.
  return stdout.split('\n').flatMap((line) => {
    const [, name = '', rest = ''] = /([\w-]+\.ts)\((\d+.*)$/.exec(line) ?? []
    return places.has(name) ? [`${places.get(name)}: line ${rest.replace(/,\d+\)/, '')}`] : []
  })
}

/** Lets nobody out: a program of the documentation needs no network. */
const OFFLINE = `import net from 'node:net'
const connect = net.Socket.prototype.connect
net.Socket.prototype.connect = function (...args) {
  const [options] = Array.isArray(args[0]) ? args[0] : args
  const host = typeof options === 'object' ? options.host ?? options.hostname : args[1]
  if (host !== undefined && !['localhost', '127.0.0.1', '::1'].includes(host) && options.path === undefined)
    throw new Error('a program of the documentation wanted to connect to ' + host)
  return connect.apply(this, args)
}
`

/** Node 22 does not know `await using`; npm scripts run on the Node of the development dependencies anyway. */
const node = Number(process.versions.node.split('.')[0]) >= 24 ? process.execPath : join(root, 'node_modules/node/bin/node')

async function runSnippet(folder: string, name: string, { place, output }: Snippet): Promise<readonly string[]> {
  writeFileSync(join(folder, 'offline.mjs'), OFFLINE)
  const scratch = mkdtempSync(join(folder, 'run-'))
  const imports = [join(root, 'examples/resolve.ts'), join(folder, 'offline.mjs')].flatMap((file) => ['--import', file])
  const { code, stdout, stderr } = await start(node, [...imports, join(folder, name)], scratch)
  if (code !== 0) return [`${place} ends with ${code}:\n${(stderr.trim() || stdout.trim()).slice(-2_000)}`]
  const isAsSaid = output === undefined || stdout.trim() === output.trim()
  return isAsSaid ? [] : [`${place} prints\n${stdout.trim()}\nbut the page says\n${output.trim()}`]
}

/** No program takes a second: this only ends what hangs, also on a machine that does ten other things. */
const LONGEST_MS = 120_000

/** Never rejects: a program that fails is a finding. */
function start(command: string, args: readonly string[], cwd: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const { PATH, HOME, TMPDIR } = process.env
  const options = { cwd, timeout: LONGEST_MS, killSignal: 'SIGKILL', env: { PATH, HOME, TMPDIR } } as const
  return new Promise((resolve) => {
    execFile(command, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
      if (error?.killed === true) resolve({ code, stdout, stderr: `${stderr}\nit was ended after ${LONGEST_MS} ms` })
      else resolve({ code, stdout, stderr: error !== null && stdout + stderr === '' ? error.message : stderr })
    })
  })
}

/** Works on a list with as many at once as there are processors. */
function inLanes<T, R>(items: readonly T[], work: (item: T) => Promise<readonly R[]>): Promise<readonly R[]>[] {
  const rest = [...items]
  return Array.from({ length: Math.max(2, availableParallelism()) }, async () => {
    const results: R[] = []
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) results.push(...(await work(item)))
    return results
  })
}

/** Everything that needs no process. */
export function checkPages(write = false): readonly string[] {
  return [
    ...checkGenerated(write),
    ...checkLinks(),
    ...checkLengths(),
    ...checkBudgets(),
    ...checkStatus(),
    ...checkEvents(),
    ...checkLimits(),
    ...checkPluginPages(),
  ]
}

if (import.meta.main) {
  const problems = [...checkPages(process.argv.includes('--write')), ...(await checkSnippets())]
  for (const problem of problems) console.error(problem)
  console.log(`docs: ${pages().length} pages, ${snippets().length} programs, ${problems.length} problems`)
  if (problems.length > 0) process.exitCode = 1
}
