import { statSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { errorInfo, type Orchestrator, type RunRecord, toFailure } from '../../core/index.ts'
import type { Call, CliCommand } from '../calling/command.ts'
import { type LoadedConfig, readConfig } from '../opening/config-file.ts'
import { eachRun } from '../runs/history.ts'
import { pinnedText } from '../showing/pinned-text.ts'
import { configuredStore, isShared, storeFile, withAgents, withRuns } from '../opening/open.ts'
import { oneLine } from '../terminal/visible.ts'

/** Runs counted; more would take long. */
const MOST_RUNS = 10_000
/** A run that is ready and untouched for so long has no worker. */
const STALE_MS = 60_000

/** Definitions of waiting runs that are told of. */
const MOST_DEFINITIONS = 10

interface Check {
  readonly name: string
  readonly status: 'ok' | 'warning' | 'error'
  readonly text: string
  /** Of the error. */
  readonly code?: string
}

/** `opspawn doctor` */
export const doctor: CliCommand = {
  name: 'doctor',
  summary: 'Checks Node, the configuration and the store, and tells what needs a person.',
  needs: ['config', 'store'],
  json: "{ checks: { name: string; status: 'ok' | 'warning' | 'error'; text: string; code?: string }[] }",
  async run(call) {
    const checks: Check[] = [checkNode(), checkSqlite()]
    let config: LoadedConfig | undefined
    await attempt(checks, 'configuration', async () => {
      config = await readConfig(call)
      return [{ name: 'configuration', status: 'ok', text: config?.path ?? 'none here' }]
    })
    // A file that is named and not there is not made: it is a name that was mistyped.
    const isThere = await attempt(checks, 'store', async () => {
      storeFile(call, true)
      return []
    })
    if (config !== undefined && isThere) await attempt(checks, 'agents', () => checkAgents(call, config))
    if (isThere && hasStore(call, config))
      await attempt(checks, 'store', () => withRuns(call, (runs) => checkRuns(call, runs, config)))
    tell(call, checks)
    const worst = checks.find(({ status }) => status === 'error')
    return worst === undefined ? 0 : errorInfo(worst.code ?? 'INTERNAL').exit
  },
}

async function attempt(checks: Check[], name: string, check: () => Promise<readonly Check[]>): Promise<boolean> {
  try {
    checks.push(...(await check()))
    return true
  } catch (error) {
    const { code, message } = toFailure(error, 'INTERNAL')
    checks.push({ name, status: 'error', text: message, code })
    return false
  }
}

function checkNode(): Check {
  return { name: 'node', status: 'ok', text: process.versions.node }
}

function checkSqlite(): Check {
  if (isBuiltin('node:sqlite')) return { name: 'node:sqlite', status: 'ok', text: 'there' }
  return { name: 'node:sqlite', status: 'warning', text: 'this Node has none, so runs cannot be kept in a file' }
}

/** Composes everything as a worker would, and works on nothing. */
async function checkAgents(call: Call, config: LoadedConfig | undefined): Promise<readonly Check[]> {
  return withAgents(call, { work: false }, config, async (orchestrator) => {
    const names = orchestrator.agents().map(({ name }) => name)
    const { durability } = orchestrator
    return [
      { name: 'agents', status: names.length === 0 ? 'warning' : 'ok', text: names.join(', ') || 'none' },
      {
        name: 'durability',
        status: durability === 'none' ? 'warning' : 'ok',
        text: durability === 'none' ? 'none: runs are lost when their process ends' : durability,
      },
    ]
  })
}

function hasStore(call: Call, config: LoadedConfig | undefined): boolean {
  if (call.options.text('store') !== undefined) return true
  return isShared(config?.options ?? {})
}

async function checkRuns(call: Call, runs: Orchestrator, config: LoadedConfig | undefined): Promise<readonly Check[]> {
  const file = storeFile(call, true) ?? configuredStore(config?.options ?? {})
  const { byStatus, stale, asking } = await countRuns(runs)
  const size = typeof file === 'string' ? `${file}, ${statSync(file).size} bytes` : (file?.name ?? '')
  const told = [...byStatus].map(([status, count]) => `${count} ${status}`).join(', ')
  const quarantined = byStatus.get('quarantined') ?? 0
  return [
    { name: 'store', status: 'ok', text: size },
    { name: 'runs', status: 'ok', text: told || 'none' },
    ...warning('no worker', stale.length, 'ready for more than a minute: start `opspawn worker`'),
    ...(await checkDefinitions(runs, stale)),
    ...warning('approvals', asking, 'wait for a person: `opspawn list --waiting`'),
    ...warning('quarantine', quarantined, 'crashed too many workers: `opspawn list --status quarantined`'),
  ]
}

async function countRuns(
  runs: Orchestrator,
): Promise<{ readonly byStatus: ReadonlyMap<string, number>; readonly stale: readonly RunRecord[]; readonly asking: number }> {
  const byStatus = new Map<string, number>()
  const now = Date.now()
  const stale: RunRecord[] = []
  let asking = 0
  for await (const record of eachRun(runs, {}, MOST_RUNS)) {
    byStatus.set(record.status, (byStatus.get(record.status) ?? 0) + 1)
    if (isStale(record, now)) stale.push(record)
    if (record.status === 'waiting' && (await (await runs.run(record.runId)).approvals()).length > 0) asking += 1
  }
  return { byStatus, stale, asking }
}

/** Runs that no worker goes on with may be pinned to what no worker has any more. */
async function checkDefinitions(runs: Orchestrator, stale: readonly RunRecord[]): Promise<readonly Check[]> {
  const groups = new Map<string, RunRecord[]>()
  for (const record of stale) {
    const name = `${record.agent}@${record.definition}`
    groups.set(name, [...(groups.get(name) ?? []), record])
  }
  const checks: Check[] = []
  for (const [first, ...others] of [...groups.values()].slice(0, MOST_DEFINITIONS)) {
    const pinned = first === undefined ? undefined : await runs.definition(first.runId)
    if (pinned === undefined || pinned.latest?.definition === pinned.definition) continue
    const text = `${others.length + 1} ready, pinned to ${pinnedText(pinned)}`
    checks.push({ name: 'definition', status: 'warning', text })
  }
  return checks
}

function isStale({ status, updatedAt, gate, dueAt = 0 }: RunRecord, now: number): boolean {
  return status === 'queued' && gate === undefined && Math.max(updatedAt, dueAt) + STALE_MS < now
}

function warning(name: string, count: number, text: string): readonly Check[] {
  return count === 0 ? [] : [{ name, status: 'warning', text: `${count} ${text}` }]
}

function tell({ output }: Call, checks: readonly Check[]): void {
  output.give({ checks }, () => {
    const width = Math.max(...checks.map(({ name }) => name.length))
    const looks = { ok: 'green', warning: 'yellow', error: 'red' } as const
    return checks
      .map(({ name, status, text, code }) => {
        const mark = output.style(looks[status], status.padEnd(7))
        return `${mark}  ${name.padEnd(width)}  ${code === undefined ? '' : `${code}: `}${oneLine(text, 500)}`
      })
      .join('\n')
  })
}
