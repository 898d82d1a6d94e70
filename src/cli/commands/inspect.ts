import {
  type Caller,
  isFinal,
  type Orchestrator,
  type PendingApproval,
  type PinnedDefinition,
  type RunOutcome,
  type RunRecord,
} from '../../core/index.ts'
import { type Attention, attentionOf, byWhom, type Definitions, definitionsToday, parkedText } from '../runs/attention.ts'
import type { Call, CliCommand } from '../calling/command.ts'
import type { LoadedConfig } from '../opening/config-file.ts'
import { showDuration, showTime } from '../terminal/duration.ts'
import { pinnedText } from '../showing/pinned-text.ts'
import { eachRun, readHistory } from '../runs/history.ts'
import { withRuns } from '../opening/open.ts'
import { table } from '../terminal/table.ts'
import { type RunSummary, type Step, stepsOf, summaryOf, viewOf } from '../showing/timeline.ts'
import { brief, oneLine, visible } from '../terminal/visible.ts'

/** Children shown; `list --parent` shows the rest. */
const MOST_CHILDREN = 100

interface Inspected extends Attention {
  readonly run: RunSummary
  readonly input: RunRecord['input']
  readonly usage: ReturnType<typeof viewOf>['usage']
  readonly approvals: readonly PendingApproval[]
  readonly steps: readonly Step[]
  readonly children: readonly RunSummary[]
  /** What an unfinished run is pinned to; `here`: the configuration has it. */
  readonly definition?: PinnedDefinition
}

/** `opspawn inspect` */
export const inspect: CliCommand = {
  name: 'inspect',
  summary: 'Shows a run: its steps with attempts, times, tokens and cost, what it waits for, its children, its outcome.',
  arguments: [{ name: '<run>', meaning: 'id of the run' }],
  needs: ['config', 'store'],
  json: '{ run: RunSummary; input: Json; usage: RunUsage; approvals: PendingApproval[]; paused?: Paused; quarantined?: Quarantined; parked?: Parked; steps: Step[]; children: RunSummary[]; definition?: PinnedDefinition }',
  run: (call) =>
    withRuns(call, async (runs, config) => {
      const inspected = await look(call, runs, config)
      call.output.give(inspected, () => describe(call, inspected))
      return 0
    }),
}

async function look(call: Call, runs: Orchestrator, config: LoadedConfig | undefined): Promise<Inspected> {
  const { record, events } = await readHistory(runs, call.args[0] ?? '')
  const { runId, status } = record
  const definitions = isFinal(status) ? undefined : await definitionsToday(call, config)
  const children: RunSummary[] = []
  for await (const child of eachRun(runs, { parentId: runId }, MOST_CHILDREN)) children.push(summaryOf(child))
  return {
    run: summaryOf(record),
    input: record.input,
    usage: viewOf(events).usage,
    ...(await attentionOf(runs, record, definitions)),
    approvals: await (await runs.run(runId)).approvals(),
    steps: stepsOf(events, config?.options.prices),
    children: children.reverse(),
    ...(record.outcome === undefined && { definition: await pinnedTo(runs, record, definitions) }),
  }
}

/** The orchestrator of this command has no agents: what is here is what the configuration has, where that is known. */
async function pinnedTo(runs: Orchestrator, record: RunRecord, today: Definitions | undefined): Promise<PinnedDefinition> {
  const pinned = await runs.definition(record.runId)
  return today === undefined ? pinned : { ...pinned, here: today.get(record.agent) === record.definition }
}

/** Where a run waits, and what other runs it belongs to. */
function describe(call: Call, inspected: Inspected): string {
  const { run, input, usage, approvals, steps, children, definition } = inspected
  const bold = (text: string): string => call.output.style('bold', text)
  const { outcome } = run
  const used = `${usage.modelCalls} model calls, ${usage.toolCalls} tool calls, ${usage.inputTokens} + ${usage.outputTokens} tokens`
  const cost = costOf(run, steps)
  const lines: readonly (readonly [string, string])[] = [
    ['run', run.runId],
    ['agent', run.agent],
    ['status', run.status],
    ...attentionLines(inspected),
    ['tenant', `${run.tenant}${run.session === undefined ? '' : `, session ${run.session}`}`],
    ...(run.caller === undefined ? [] : [['caller', callerText(run.caller)] as const]),
    ...relationLines(run),
    ['created', `${showTime(run.createdAt)}, last change ${showDuration(run.updatedAt - run.createdAt)} later`],
    [
      'used',
      `${used}${cost === undefined ? '' : `, cost ${cost}`}${usage.unreported > 0 ? ` (${usage.unreported} unreported)` : ''}`,
    ],
    ['input', brief(input, 500)],
    ...(definition === undefined ? [] : [['pinned', pinnedLine(definition, inspected)] as const]),
    ...(outcome === undefined ? [] : [['outcome', outcomeText(outcome)] as const]),
  ]
  return [
    lines.map(([name, text]) => `${bold(name.padEnd(8))} ${visible(text)}`).join('\n'),
    ...(steps.length === 0 ? [] : ['', stepTable(steps, run.createdAt, bold)]),
    ...approvals.flatMap(questionLines),
    ...setAsideLines(inspected),
    ...(children.length === 0 ? [] : ['', childTable(children, bold)]),
  ].join('\n')
}

/** The other runs that it has to do with. */
function relationLines(run: Inspected['run']): readonly (readonly [string, string])[] {
  const undoing = undoingOf(run.outcome)
  return [
    ...(run.gate === undefined ? [] : [['waits', `for room at gate ${oneLine(run.gate)}`] as const]),
    ...(run.parent === undefined ? [] : [['parent', `${run.parent.runId}, step ${run.parent.key}`] as const]),
    ...(run.continues === undefined ? [] : [['goes on', `in the place of ${run.continues}`] as const]),
    ...(run.successor === undefined ? [] : [['went on', `as ${run.successor}`] as const]),
    ...(run.compensates === undefined ? [] : [['undoes', `run ${run.compensates}`] as const]),
    ...(undoing === undefined ? [] : [['undone', `by run ${undoing}`] as const]),
    ...(run.forkOf === undefined ? [] : [['fork of', `${run.forkOf.runId}, event ${run.forkOf.seq}`] as const]),
  ]
}

/** The run that makes good what a cancelled one did. */
function undoingOf(outcome: RunOutcome | undefined): string | undefined {
  if (outcome === undefined || outcome.status === 'completed') return undefined
  const { code, details } = outcome.error
  const { compensation } = (details ?? {}) as { readonly compensation?: unknown }
  return (code === 'RUN_CANCELLED' || code === 'RUN_TIMEOUT') && typeof compensation === 'string' ? compensation : undefined
}

function outcomeText(outcome: RunOutcome): string {
  return outcome.status === 'completed' ? brief(outcome.output, 500) : `${outcome.error.code}: ${outcome.error.message}`
}

function pinnedLine(definition: PinnedDefinition, { parked }: Attention): string {
  return `${pinnedText(definition)}${parked === undefined ? '' : `; ${parkedText(parked)}`}`
}

function attentionLines({ paused, quarantined }: Attention): readonly (readonly [string, string])[] {
  return [
    ...(paused === undefined ? [] : [['paused', `since ${showTime(paused.since)}${byWhom(paused)}`] as const]),
    ...(quarantined === undefined ? [] : [['aside', `since ${showTime(quarantined.since)}`] as const]),
  ]
}

function callerText({ principal, roles = [] }: Caller): string {
  return roles.length === 0 ? principal : `${principal}, as ${roles.join(', ')}`
}

/** The call that is asked about, where a question does not tell it. */
function calledLines({ tool, through, input }: PendingApproval): readonly string[] {
  if (tool === undefined) return input === undefined ? [] : [`  ${brief(input, 500)}`]
  const way = through === undefined ? '' : ` through ${oneLine(through)}`
  return [`  ${oneLine(tool)}${way} ${brief(input ?? null, 500)}`]
}

function questionLines(pending: PendingApproval): readonly string[] {
  const { kind, runId, key, question } = pending
  const [name, what, called] = [visible(key), visible(question), calledLines(pending)]
  if (kind === 'approval')
    return ['', `waits for approval ${name}: ${what}`, ...called, `  opspawn approve ${runId} ${name} --by YOU`]
  return [
    '',
    `does not know of ${name}: ${what}`,
    ...called,
    `  opspawn resolve ${runId} ${name} --by YOU --happened, or --not-happened`,
  ]
}

/** What a person needs to decide about a run that is set aside. */
function setAsideLines({ run: { runId }, paused, quarantined }: Inspected): readonly string[] {
  if (paused !== undefined) return ['', 'goes on when it is resumed:', `  opspawn resume ${runId} --by YOU, or cancel`]
  if (quarantined === undefined) return []
  const { claims, open } = quarantined
  return [
    '',
    `its workers kept dying; ${claims.length} claims in which nothing was settled:`,
    ...claims.map(({ at, epoch, worker }) => `  ${showTime(at)} claim ${epoch} by ${oneLine(worker)}`),
    ...open.map(({ key, what, begun }) => `  ${begun ? 'begun' : 'asked for'}: ${oneLine(key)}, ${what}`),
    `  opspawn resume ${runId} --by YOU, or cancel`,
  ]
}

/** By the prices of the configuration where there are any, else what the engine counted under a limit. */
function costOf({ used }: RunSummary, steps: readonly Step[]): string | undefined {
  const costs = steps.flatMap(({ cost }) => (cost === undefined ? [] : [cost]))
  if (costs.length > 0) return costs.reduce((sum, cost) => sum + cost, 0).toFixed(6)
  return used.cost > 0 ? used.cost.toFixed(6) : undefined
}

function stepTable(steps: readonly Step[], from: number, bold: (text: string) => string): string {
  const rows = steps.map((step) => [
    `+${showDuration(step.askedAt - from)}`,
    step.key,
    brief(step.what, 60),
    step.status,
    String(step.attempts),
    step.durationMs === undefined ? '-' : showDuration(step.durationMs),
    step.inputTokens === undefined ? '-' : `${step.inputTokens}+${step.outputTokens ?? 0}`,
    step.cost === undefined ? '-' : step.cost.toFixed(6),
    `${step.dryRun === undefined ? '' : `dry run: ${step.dryRun.verdict} by ${oneLine(step.dryRun.rule)}; `}${brief(step.result ?? '', 80)}`,
  ])
  return table(['AT', 'KEY', 'STEP', 'STATUS', 'ATTEMPTS', 'TIME', 'TOKENS', 'COST', 'RESULT'], rows, bold)
}

function childTable(children: readonly RunSummary[], bold: (text: string) => string): string {
  const rows = children.map(({ runId, agent, status, parent }) => [runId, agent, status, parent?.key ?? ''])
  return table(['CHILD', 'AGENT', 'STATUS', 'STEP'], rows, bold)
}
