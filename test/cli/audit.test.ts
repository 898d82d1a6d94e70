import { expect, test } from 'vitest'
import { json, opspawn, project } from './support.ts'

test('who is behind a run is said by --as and --role, and stands in the audit of it', async () => {
  const cwd = project()
  const started = await opspawn(cwd, 'run', 'cashier', 'pay', '--id', 'order-1', '--as', 'ada', '--role', 'clerk', '--detach')
  expect(started).toMatchObject({ code: 0 })
  const audited = await json<{ records: readonly object[] }>(cwd, 'audit', 'order-1')
  expect(audited).toEqual({ records: [] })
  const alone = await opspawn(cwd, 'run', 'cashier', 'pay', '--role', 'clerk')
  expect(alone.stderr).toContain('--role needs --as')
  const neither = await opspawn(cwd, 'audit')
  expect(neither.stderr).toContain('name a run, or say --all')
})

test('policy explain tells of a call by the rules of the configuration', async () => {
  const cwd = project()
  const explained = await json(cwd, 'policy', 'explain', 'cashier', 'pay', '{}', '--as', 'ada')
  expect(explained).toMatchObject({ verdict: 'ask', decidedBy: 'tool pay', parts: [{ tool: 'pay', rules: [] }] })
  const shown = await opspawn(cwd, 'policy', 'explain', 'cashier', 'pay')
  expect(shown.stdout).toContain('ask, decided by tool pay\npay: allow by otherwise')
})
