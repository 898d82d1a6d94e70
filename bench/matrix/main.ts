import { fork } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { platform, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { checks } from './checks/index.ts'
import type { Contender, Finding } from './contender.ts'
import { columns, missing } from './contenders/index.ts'

/** What a child is asked. */
export type Ask = Readonly<{ contender: string; check: string; folder: string }>

/** What it tells; `broke`: the check ended with an error, or not in time. */
export type Answer = Readonly<{ verdict: Finding['verdict'] | 'broke'; seen: string; connections: number }>

const SECONDS = 60
const MEGABYTES = 512
const marks: Readonly<Record<Answer['verdict'], string>> = { holds: 'holds', fails: 'FAILS', none: '–', broke: 'BROKE' }

/** Each check of each contender has a process of its own, with bounded time and memory and a temporary folder that goes with it. */
async function ask(question: Omit<Ask, 'folder'>): Promise<Answer> {
  const folder = await mkdtemp(join(tmpdir(), 'opspawn-matrix-'))
  try {
    return await askIn({ ...question, folder })
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

function askIn(question: Ask): Promise<Answer> {
  const child = fork(new URL('child.ts', import.meta.url), {
    execArgv: [`--max-old-space-size=${MEGABYTES}`],
    env: { ...process.env, TMPDIR: question.folder, HOME: question.folder },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let noise = ''
  let late: string | undefined
  child.stderr?.on('data', (chunk: Buffer) => (noise = (noise + chunk.toString()).slice(-2_000)))
  return new Promise((resolve) => {
    let told: Answer | undefined
    const timer = setTimeout(() => {
      late = `not done in ${SECONDS} s`
      child.kill('SIGKILL')
    }, SECONDS * 1_000)
    const end = (how: string): void => {
      clearTimeout(timer)
      resolve(told ?? { verdict: 'broke', seen: late ?? `${how}: ${noise.trim().split('\n')[0]}`, connections: 0 })
    }
    child.on('message', (answer: Answer) => (told = answer))
    child.once('error', (error) => end(error.message))
    // An answer may still be on its way when the process has ended.
    child.once('exit', (code, signal) => {
      const how = `ended with ${signal ?? code}`
      if (child.connected) child.once('disconnect', () => end(how))
      else end(how)
    })
    child.send(question)
  })
}

/** Of the installed package; ours uses the product's own copies of the same versions. */
function versionOf(name: string): string {
  const file = new URL(`node_modules/${name}/package.json`, import.meta.url)
  if (!existsSync(file)) return '(not installed)'
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

function choices(): { names: string[]; titles: string[] } {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' } } })
  const only = values.only?.split(',').map((title) => title.trim())
  const names = positionals.length > 0 ? positionals : Object.keys(checks)
  const titles = [...columns.keys()].filter((title) => only?.includes(title) ?? true)
  const unknown = [...names.filter((name) => checks[name] === undefined), ...(only ?? []).filter((title) => !columns.has(title))]
  if (unknown.length === 0) return { names, titles }
  console.error(`unknown: ${unknown.join(', ')}\nchecks: ${Object.keys(checks).join(', ')}`)
  console.error(`--only: ${[...columns.keys()].map((title) => JSON.stringify(title)).join(',')}`)
  process.exit(2)
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

const { names, titles } = choices()
const contenders = new Map<string, Contender>()
for (const title of titles) {
  const contender = await columns.get(title)?.load()
  if (contender !== undefined) contenders.set(title, contender)
}
const packages = new Set(titles.flatMap((title) => contenders.get(title)?.packages ?? []))
console.log(`Node ${process.versions.node}, ${platform()} ${release()}`)
console.log(`${[...packages].map((name) => `${name} ${versionOf(name)}`).join(', ')}\n`)
console.log(row(['', ...titles]))
console.log(row(['', ...titles].map(() => '---')))

const details: string[] = []
let connections = 0
let isSound = true
for (const name of names) {
  const cells: string[] = []
  for (const title of titles) {
    console.error(`${name}: ${title}`)
    const answer = await ask({ contender: title, check: name })
    connections += answer.connections
    if (contenders.get(title)?.isOurs && (answer.verdict === 'fails' || answer.verdict === 'broke')) isSound = false
    if (answer.verdict === 'fails' || answer.verdict === 'broke') details.push(`${title}, ${name}: ${answer.seen.slice(0, 400)}`)
    const isShort = answer.seen !== '' && answer.seen.length <= 40
    cells.push(isShort ? `${marks[answer.verdict]}: ${answer.seen}` : marks[answer.verdict])
  }
  console.log(row([checks[name]?.title ?? name, ...cells]))
}

console.log(`\nWhat was seen:\n${details.map((line) => `- ${line}`).join('\n') || '- nothing that fails'}`)
console.log(`\nWhat was configured:\n${titles.map((title) => `- ${title}: ${contenders.get(title)?.configured}`).join('\n')}`)
console.log(`\nConnections to a network that were tried, and refused: ${connections}`)
if (missing.length > 0) console.log(`Not built, so not here: ${missing.join(', ')}`)
if (!isSound) {
  console.log('A memory of ours fails.')
  process.exitCode = 1
}
