/** What the command line tells of rules: before a call, while a person is asked, and afterwards. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { json, opspawn, project, start } from './support.ts'

interface Audited {
  readonly records: readonly object[]
}

/** The project of the other tests under a policy. */
function under(policy: object): string {
  const base = pathToFileURL(join(import.meta.dirname, 'programs/config.ts')).href
  const text = `import base from '${base}'\nexport default () => ({ ...base(), policy: ${JSON.stringify(policy)} })\n`
  return project({ 'opspawn.config.ts': text })
}

test('explain and audit name the rule that refuses a call', async () => {
  const cwd = under({ rules: [{ name: 'clerks pay nothing', verdict: 'deny', tool: 'pay', role: 'clerk', reason: 'secret' }] })
  const call = ['policy', 'explain', 'cashier', 'pay', '{"amount":3}', '--as', 'ada', '--role', 'clerk']
  const decides = { rule: 'clerks pay nothing', verdict: 'deny', applies: true, decides: true }
  expect(await json(cwd, ...call)).toMatchObject({
    verdict: 'deny',
    decidedBy: 'clerks pay nothing',
    parts: [{ tool: 'pay', isHidden: true, rules: [decides] }],
  })
  const shown = await opspawn(cwd, ...call)
  expect(shown.stdout).toContain('deny, decided by clerks pay nothing\npay: deny by clerks pay nothing; models are not shown it')
  expect(shown.stdout).toContain('  clerks pay nothing (deny): decides')
  const nobody = await opspawn(cwd, ...call.slice(0, 5))
  expect(nobody.stdout).toContain('  clerks pay nothing (deny): does not apply: role is not "clerk"')
})

test('audit tells of calls that were refused, in JSON and for people', async () => {
  const big = { name: 'small sums', verdict: 'deny', tool: 'pay', arguments: { '/amount': { above: 2 } }, reason: 'secret' }
  const cwd = under({ rules: [big] })
  expect(await opspawn(cwd, 'run', 'cashier', 'pay', '--id', 'order-1', '--as', 'ada', '--role', 'clerk')).toMatchObject({
    code: 0,
  })
  const { records } = await json<Audited>(cwd, 'audit', 'order-1')
  expect(records).toEqual([
    {
      at: expect.any(Number) as number,
      endedAt: expect.any(Number) as number,
      runId: 'order-1',
      rootId: 'order-1',
      tenant: 'default',
      principal: 'ada',
      roles: ['clerk'],
      agent: 'cashier',
      key: 'pay-1',
      kind: 'tool',
      tool: 'pay',
      argumentsHash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      verdict: 'deny',
      rule: 'small sums',
      attempts: 0,
      durationMs: 0,
      outcome: 'denied',
      code: 'POLICY_DENIED',
    },
  ])
  const shown = await opspawn(cwd, 'audit', '--all')
  expect(shown.stdout).toMatch(/order-1 +ada of default +cashier +pay +deny by small sums +denied POLICY_DENIED +0/)
  expect(shown.stdout).not.toContain('secret')
})

test('inspect shows who asks for which call, and audit who let it through', async () => {
  const cwd = project()
  const running = start(cwd, ['run', 'cashier', 'pay', '--id', 'order-1', '--as', 'ada', '--role', 'clerk', '--watch'])
  await running.written('approval-request')
  running.child.kill('SIGKILL')
  await running.ended
  const asked = await opspawn(cwd, 'inspect', 'order-1')
  expect(asked.stdout).toMatch(/^caller +ada, as clerk$/m)
  expect(asked.stdout).toContain('waits for approval pay-1: May cashier call pay?\n  pay {"amount":3}\n  opspawn approve')
  expect(await json(cwd, 'inspect', 'order-1')).toMatchObject({ run: { caller: { principal: 'ada', roles: ['clerk'] } } })
  expect(await opspawn(cwd, 'approve', 'order-1', 'pay-1', '--by', 'grace')).toMatchObject({ code: 0 })
  expect(await opspawn(cwd, 'worker', '--until-idle')).toMatchObject({ code: 0 })
  expect((await json<Audited>(cwd, 'audit', 'order-1')).records).toMatchObject([
    { tool: 'pay', verdict: 'ask', rule: 'tool pay', approver: 'grace', attempts: 1, outcome: 'completed', bytes: 13 },
  ])
  const shown = await opspawn(cwd, 'audit', 'order-1')
  expect(shown.stdout).toMatch(/cashier +pay +ask by tool pay, answered by grace +completed +1 .* 13$/m)
})

test('inspect shows what the rules of a dry run would have said', async () => {
  const cwd = under({ mode: 'dry-run', rules: [{ name: 'no lookups', verdict: 'deny', tool: 'lookup' }] })
  expect(await opspawn(cwd, 'run', 'finder', 'go', '--id', 'order-1')).toMatchObject({ code: 0 })
  const { steps } = await json<{ steps: readonly { kind: string }[] }>(cwd, 'inspect', 'order-1')
  expect(steps.find(({ kind }) => kind === 'tool')).toMatchObject({
    status: 'completed',
    dryRun: { verdict: 'deny', rule: 'no lookups' },
  })
  const shown = await opspawn(cwd, 'inspect', 'order-1')
  expect(shown.stdout).toContain('dry run: deny by no lookups; ')
})

test(
  'explain knows the rules of a task, by the name of a workflow or its file, and validate what is wrong with them',
  {
    timeout: 180_000,
  },
  async () => {
    const base = pathToFileURL(join(import.meta.dirname, 'programs/config.ts')).href
    const plugin = pathToFileURL(join(import.meta.dirname, '../../src/plugins/planner-workflow/index.ts')).href
    const flow = (rule: string): string => `name: bills\ntasks:\n  settle: { agent: cashier, rules: [${rule}] }\n`
    const config = `import base from '${base}'
import { loadWorkflow } from '${plugin}'
export default async () => {
  const options = await base()
  const flow = await loadWorkflow({ name: 'flow', tasks: { one: { tool: 'lookup', rules: [{ verdict: 'ask' }] } } })
  return { ...options, agents: [...options.agents, flow] }
}
`
    const cwd = project({
      'opspawn.config.ts': config,
      'bills.yaml': flow('{ verdict: deny, tool: pay, reason: not here }'),
      'wrong.yaml': flow('{ verdict: deny, tool: pay }, { verdict: deny, tool: payy }'),
    })
    const explain = ['policy', 'explain']
    const file = await opspawn(cwd, ...explain, 'cashier', 'pay', '{"amount":3}', '--workflow', 'bills.yaml', '--task', 'settle')
    expect(file.stderr).toBe('')
    expect(file.stdout).toContain('deny, decided by settle rule 1\npay: deny by settle rule 1; models are not shown it')
    expect(await json(cwd, ...explain, 'flow', 'lookup', '{}', '--task', 'one')).toMatchObject({
      verdict: 'ask',
      decidedBy: 'one rule 1',
    })
    const refused = async (...more: readonly string[]) => (await opspawn(cwd, ...explain, 'cashier', 'pay', '{}', ...more)).stderr
    expect(await refused('--workflow', 'bills.yaml')).toContain('--workflow needs --task')
    expect(await refused('--task', 'settle')).toContain('there is no workflow "cashier"')
    expect(await refused('--workflow', 'bills.yaml', '--task', 'setle')).toContain('has no task "setle"; did you mean "settle"?')
    const { code, stdout } = await opspawn(cwd, 'validate', 'wrong.yaml')
    expect(code).toBe(78)
    expect(stdout).toContain(
      'wrong.yaml:3:90 the rule protects nothing: the task calls no "payy"; did you mean "pay"? (/tasks/settle/rules/1/tool)',
    )
  },
)
