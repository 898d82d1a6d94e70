import { type Orchestrator, type PendingApproval, type RunRecord } from '../../core/index.ts'
import type { Call, CliCommand } from '../command.ts'
import { showDuration, showTime } from '../duration.ts'
import { eachRun, readHistory } from '../history.ts'
import { withRuns } from '../open.ts'
import { table } from '../table.ts'
import { type RunSummary, type Step, stepsOf, summaryOf, viewOf } from '../timeline.ts'
import { brief, visible } from '../visible.ts'

/** Children shown; `list --parent` shows the rest. */
const MOST_CHILDREN = 100

interface Inspected {
  readonly run: RunSummary
  readonly input: RunRecord['input']
  readonly usage: ReturnType<typeof viewOf>['usage']
  readonly approvals: readonly PendingApproval[]
  readonly steps: readonly Step[]
  readonly children: readonly RunSummary[]
}

/** `opspawn inspect` */
export const inspect: CliCommand = {
  name: 'inspect',
  summary: 'Shows a run: its steps with attempts, times, tokens and cost, what it waits for, its children, its outcome.',
  arguments: [{ name: '<run>', meaning: 'id of the run' }],
  needs: ['config', 'store'],
  json: '{ run: RunSummary; input: Json; usage: RunUsage; approvals: PendingApproval[]; steps: Step[]; children: RunSummary[] }',
  run: (call) =>
    withRuns(call, async (runs, config) => {
      const inspected = await look(runs, call.args[0] ?? '', config?.options.prices)
      call.output.give(inspected, () => describe(call, inspected))
      return 0
    }),
}

async function look(runs: Orchestrator, runId: string, prices: Parameters<typeof stepsOf>[1]): Promise<Inspected> {
  const { record, events } = await readHistory(runs, runId)
  const children: RunSummary[] = []
  for await (const child of eachRun(runs, { parentId: runId }, MOST_CHILDREN)) children.push(summaryOf(child))
  return {
    run: summaryOf(record),
    input: record.input,
    usage: viewOf(events).usage,
    approvals: await (await runs.run(runId)).approvals(),
    steps: stepsOf(events, prices),
    children: children.reverse(),
  }
}

function describe(call: Call, { run, input, usage, approvals, steps, children }: Inspected): string {
  const bold = (text: string): string => call.output.style('bold', text)
  const { outcome } = run
  const used = `${usage.modelCalls} model calls, ${usage.toolCalls} tool calls, ${usage.inputTokens} + ${usage.outputTokens} tokens`
  const cost = costOf(run, steps)
  const lines: readonly (readonly [string, string])[] = [
    ['run', run.runId],
    ['agent', run.agent],
    ['status', run.status],
    ['tenant', `${run.tenant}${run.session === undefined ? '' : `, session ${run.session}`}`],
    ...(run.parent === undefined ? [] : [['parent', `${run.parent.runId}, step ${run.parent.key}`] as const]),
    ['created', `${showTime(run.createdAt)}, last change ${showDuration(run.updatedAt - run.createdAt)} later`],
    [
      'used',
      `${used}${cost === undefined ? '' : `, cost ${cost}`}${usage.unreported > 0 ? ` (${usage.unreported} unreported)` : ''}`,
    ],
    ['input', brief(input, 500)],
    ...(outcome === undefined
      ? []
      : [
          [
            'outcome',
            outcome.status === 'completed' ? brief(outcome.output, 500) : `${outcome.error.code}: ${outcome.error.message}`,
          ] as const,
        ]),
  ]
  return [
    lines.map(([name, text]) => `${bold(name.padEnd(8))} ${visible(text)}`).join('\n'),
    ...(steps.length === 0 ? [] : ['', stepTable(steps, run.createdAt, bold)]),
    ...approvals.flatMap(({ key, question }) => [
      '',
      `waits for approval ${visible(key)}: ${visible(question)}`,
      `  opspawn approve ${run.runId} ${visible(key)} --by YOU`,
    ]),
    ...(children.length === 0 ? [] : ['', childTable(children, bold)]),
  ].join('\n')
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
    brief(step.result ?? '', 80),
  ])
  return table(['AT', 'KEY', 'STEP', 'STATUS', 'ATTEMPTS', 'TIME', 'TOKENS', 'COST', 'RESULT'], rows, bold)
}

function childTable(children: readonly RunSummary[], bold: (text: string) => string): string {
  const rows = children.map(({ runId, agent, status, parent }) => [runId, agent, status, parent?.key ?? ''])
  return table(['CHILD', 'AGENT', 'STATUS', 'STEP'], rows, bold)
}
