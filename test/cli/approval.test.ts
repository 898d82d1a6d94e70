/** A run that waits for a person survives its processes and is answered from another one. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { json, opspawn, project, start } from './support.ts'

interface Waiting {
  readonly runs: readonly {
    readonly runId: string
    readonly approvals: readonly { readonly key: string; readonly question: string }[]
  }[]
}

test('a run waiting for an approval survives the killing of its process and of three workers, is approved from the command line of another process, and ends', async () => {
  const cwd = project()
  const notes = { NOTES: join(cwd, 'notes') }
  const first = start(cwd, ['run', 'cashier', 'pay', '--id', 'order-1', '--watch'], notes)
  await first.written('approval-request')
  first.child.kill('SIGKILL')
  await first.ended
  for (let restart = 0; restart < 3; restart += 1) {
    const worker = start(cwd, ['worker'], notes)
    await worker.written('is ready')
    // Without the agents: a file is enough to look and to answer.
    const { runs } = await json<Waiting>(cwd, 'list', '--waiting', '--no-config', '--store', 'runs.db')
    expect(runs).toMatchObject([{ runId: 'order-1', approvals: [{ key: 'pay-1', question: 'May cashier call pay?' }] }])
    worker.child.kill('SIGKILL')
    expect(await worker.ended).toMatchObject({ signal: 'SIGKILL' })
  }

  const inspected = await opspawn(cwd, 'inspect', 'order-1', '--store', 'runs.db')
  expect(inspected.stdout).toContain('opspawn approve order-1 pay-1 --by YOU')

  const approved = await opspawn(cwd, 'approve', 'order-1', 'pay-1', '--by', 'ada', '--store', 'runs.db')
  expect(approved).toMatchObject({ code: 0, stdout: 'approved pay-1 of run order-1\n' })
  const again = await opspawn(cwd, 'deny', 'order-1', 'pay-1', '--by', 'bob', '--store', 'runs.db')
  expect(again.code).toBe(4)
  expect(again.stderr).toContain('error APPROVAL_DECIDED: ')

  const last = await start(cwd, ['worker', '--until-idle'], notes).ended
  expect(last).toMatchObject({ code: 0 })
  const { run, steps } = await json<{ run: object; steps: readonly object[] }>(cwd, 'inspect', 'order-1')
  expect(run).toMatchObject({ status: 'completed', outcome: { output: { payment: 'completed' } } })
  expect(steps).toMatchObject([{ key: 'pay-1', status: 'completed', attempts: 1 }])
  expect(readFileSync(notes.NOTES, 'utf8').match(/paid/g)).toHaveLength(1)
})

test('a run in the hands of a living process is answered and cancelled from another one', async () => {
  const cwd = project()
  const paying = start(cwd, ['run', 'cashier', 'pay', '--id', 'order-2'])
  await paying.written('opspawn approve order-2 pay-1')
  const denied = await opspawn(cwd, 'deny', 'order-2', '--by', 'ada', '--reason', 'too much', '--store', 'runs.db')
  expect(denied.code).toBe(0)
  expect(await paying.ended).toMatchObject({ code: 0, stdout: '{\n  "payment": "denied"\n}\n' })

  const notes = join(cwd, 'notes')
  const hanging = start(cwd, ['run', 'sleeper', 'x', '--id', 'nap', '--watch'], { NOTES: notes })
  await hanging.written('tool hang')
  expect(await opspawn(cwd, 'cancel', 'nap', '--reason', 'enough', '--store', 'runs.db')).toMatchObject({ code: 0 })
  const ended = await hanging.ended
  expect(ended.code).toBe(130)
  expect(ended.stderr).toContain('error RUN_CANCELLED: ')
})
