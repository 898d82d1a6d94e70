import { readFileSync } from 'node:fs'
import { availableParallelism, loadavg, platform, release, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { measureInChild } from './child.ts'
import { contenders, isGeneral, type ContenderName } from './contenders/contender.ts'
import { allocFlags } from './measures/alloc.ts'
import { measureDurable } from './measures/durable.ts'
import { measureCrowded } from './measures/crowded.ts'
import { measureImports } from './measures/import.ts'
import { measureInstall } from './measures/install.ts'
import { measureLancedb } from './measures/lancedb.ts'
import { measureMcp } from './measures/mcp.ts'
import { measureMemory } from './measures/memory.ts'
import { measureRecovery } from './measures/recovery.ts'
import { measureWaiting } from './measures/waiting.ts'
import { renderTable, type Results } from './table.ts'
import type { TaskName } from './worker.ts'

/** Rounds are interleaved over the contenders; one that has used up its seconds sits out the rounds that are left. */
interface Plan {
  readonly rounds: number
  readonly seconds: number
  readonly flags?: readonly string[]
}

const timed = {
  loop: { rounds: 4, seconds: 40 },
  stream: { rounds: 4, seconds: 20 },
  alloc: { rounds: 3, seconds: 20, flags: allocFlags },
  concurrent: { rounds: 3, seconds: 20 },
  workflow: { rounds: 4, seconds: 30 },
} satisfies Partial<Record<TaskName, Plan>>

/** Those in which no peer takes part. */
const ownMeasures: Readonly<Record<string, typeof measureMemory>> = {
  crowded: measureCrowded,
  waiting: measureWaiting,
  memory: measureMemory,
  mcp: measureMcp,
  lancedb: measureLancedb,
}

/** Only when asked. */
const slow: readonly string[] = ['lancedb', 'install']
const everyMeasure = [...Object.keys(timed), 'durable', 'recovery', 'crowded', 'waiting', 'memory', 'mcp', 'import', ...slow]

const results: Results = new Map()
const refused = new Map<ContenderName, string>()
const skipped = new Set<string>()
const note = (text: string): void => console.error(text)

function record(row: string, name: ContenderName, ...values: number[]): void {
  const measured = results.get(row) ?? new Map<ContenderName, number[]>()
  results.set(row, measured)
  measured.set(name, [...(measured.get(name) ?? []), ...values])
}

function skip(name: ContenderName, why: string): void {
  const line = `skipped ${contenders[name].title}: ${why}`
  skipped.add(line)
  note(line)
}

function refuse(name: ContenderName, why: string): void {
  refused.set(name, why)
  for (const measured of results.values()) measured.delete(name)
  note(`REFUSED ${contenders[name].title}: ${why}`)
}

/** The contenders that can be imported and do the job. */
async function admit(names: readonly ContenderName[]): Promise<ContenderName[]> {
  const admitted: ContenderName[] = []
  for (const name of names) {
    const reply = await measureInChild(name, 'probe')
    if ('skipped' in reply) skip(name, `its import fails: ${reply.skipped}`)
    else if ('refused' in reply) refuse(name, reply.refused)
    else admitted.push(name)
  }
  return admitted
}

async function measureTimed(task: keyof typeof timed, names: readonly ContenderName[]): Promise<void> {
  const { rounds, seconds, flags }: Plan = timed[task]
  const spent = new Map<ContenderName, number>()
  for (let round = 1; round <= rounds; round += 1) {
    for (const name of names) {
      if (refused.has(name) || (spent.get(name) ?? 0) > seconds) continue
      note(`${task}, round ${round} of ${rounds}: ${contenders[name].title}`)
      const start = performance.now()
      const reply = await measureInChild(name, task, flags)
      spent.set(name, (spent.get(name) ?? 0) + (performance.now() - start) / 1_000)
      if ('figures' in reply) for (const [row, value] of Object.entries(reply.figures)) record(row, name, value)
      else refuse(name, 'refused' in reply ? reply.refused : reply.skipped)
    }
  }
}

async function measureOnce(task: string, names: readonly ContenderName[]): Promise<void> {
  note(`${task} …`)
  if (task === 'durable') {
    const report = (name: ContenderName, row: string, value: number | string): void =>
      typeof value === 'string' ? refuse(name, value) : record(row, name, value)
    measureDurable(names, report, skip)
    return
  }
  const own = ownMeasures[task]
  if (own !== undefined) {
    if (!names.includes('opspawn')) return
    for (const [row, name, value] of own()) record(row, name, value)
    return
  }
  if (task === 'recovery') {
    if (!names.includes('opspawn')) return
    const { p50, p99 } = await measureRecovery()
    record('recovery-p50', 'opspawn', p50)
    record('recovery-p99', 'opspawn', p99)
    return
  }
  if (task === 'import') recordImports(names.filter(isGeneral))
  else recordInstalls(names.filter(isGeneral))
}

function recordImports(names: readonly ContenderName[]): void {
  measureImports(names, (name, row, ms) => {
    if (typeof ms === 'string') skip(name, ms)
    else record(row, name, ...ms)
  })
}

function recordInstalls(names: readonly ContenderName[]): void {
  for (const name of names) {
    note(`install: ${contenders[name].title}`)
    const installed = measureInstall(name)
    if (typeof installed === 'string') skip(name, installed)
    else for (const [row, value] of Object.entries(installed)) record(row, name, value)
  }
}

function header(names: readonly ContenderName[]): string {
  const cores = availableParallelism()
  const load = loadavg()[0]?.toFixed(1)
  const packages = new Set([
    ...names.map((name) => contenders[name].package),
    '@langchain/langgraph',
    '@langchain/core',
    '@langchain/langgraph-checkpoint-sqlite',
  ])
  return [
    `Node ${process.versions.node}, V8 ${process.versions.v8}, ${platform()} ${release()}, ${cores} cores, ` +
      `${Math.round(totalmem() / 2 ** 30)} GiB, load ${load} at the start`,
    [...packages].map((name) => `${name} ${versionOf(name)}`).join(', '),
  ].join('\n')
}

function versionOf(name: string): string {
  try {
    const text = readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8')
    return (JSON.parse(text) as { version: string }).version
  } catch {
    return '(not installed)'
  }
}

function choices(): { measures: string[]; names: ContenderName[] } {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' } } })
  const measures = positionals.length > 0 ? positionals : everyMeasure.filter((measure) => !slow.includes(measure))
  const all = Object.keys(contenders) as ContenderName[]
  const only = values.only?.split(',') ?? all
  const unknown = [
    ...measures.filter((measure) => !everyMeasure.includes(measure)),
    ...only.filter((name) => !(all as string[]).includes(name)),
  ]
  if (unknown.length === 0) return { measures, names: all.filter((name) => only.includes(name)) }
  note(`unknown: ${unknown.join(', ')}\nmeasures: ${everyMeasure.join(', ')}\n--only: ${all.join(',')}`)
  process.exit(2)
}

const { measures, names } = choices()
console.log(header(names))
const needsProbe = measures.some((measure) => measure in timed)
const able = needsProbe ? await admit(names.filter(isGeneral)) : names
for (const measure of everyMeasure.filter((one) => measures.includes(one))) {
  if (measure in timed) await measureTimed(measure as keyof typeof timed, able)
  else await measureOnce(measure, names)
}

console.log(`\n${renderTable(results, names)}\n`)
console.log('Medians; ± is half the interquartile range over the rounds. The floor is the same work by hand; for import and')
console.log(
  'install it is zod alone. Ratios are what holds on another machine. [1] opspawn/core, @mastra/core, @langchain/langgraph',
)
for (const line of skipped) console.log(line)
for (const [name, why] of refused) console.log(`REFUSED ${contenders[name].title}: ${why.split('\n')[0]}`)
if (refused.size > 0) process.exitCode = 1
