import { describe, expect, test } from 'vitest'
import { ended, errorOf, expectCode, expectHealthy, guardFile, historyOf, manualClock, open } from '../harness.ts'
import { opened, waits, waiting } from './subjects.ts'

guardFile()

describe('runs that do not exist', () => {
  test.each(['nope', '', '__proto__', 'constructor'])('run and record of %j', async (id) => {
    const ops = await opened()
    await ops.start('echo', 'x')
    await expectCode(() => ops.run(id), 'RUN_UNKNOWN', JSON.stringify(id))
    await expectCode(() => ops.record(id), 'RUN_UNKNOWN', JSON.stringify(id))
  })
  test.each([undefined, null, 5, {}] as never[])("run and record of %j never find somebody else's run", async (id) => {
    const ops = await opened()
    await ops.start('echo', 'x')
    await expectCode(() => ops.run(id), 'RUN_UNKNOWN', 'a run id is a text')
    await expectCode(() => ops.record(id), 'RUN_UNKNOWN', 'a run id is a text')
  })
})

describe('listings', () => {
  test.each([0, -1, Number.NaN, 'many', 1.5] as never[])('a page of %s is refused', async (limit) => {
    const ops = await opened()
    await ops.start('echo', 'x')
    await expectCode(() => ops.list({}, { limit }), 'LIMIT_INVALID', 'limit')
  })
  test.each(['x', '__proto__', 'NaN'])('the cursor %j is refused', async (cursor) => {
    const ops = await opened()
    await expectCode(() => ops.list({}, { cursor }), 'OPTIONS_INVALID', 'cursor')
  })
  test.each(['tenant', 'session', 'runId'])(
    'a filter by %s with half a character is refused: it could find somebody else',
    async (member) => {
      const ops = await opened()
      await expectCode(() => ops.list({ [member]: 't\uD800' }), 'OPTIONS_INVALID', member)
    },
  )
  test('a misspelt filter is named: it must not list every tenant', async () => {
    const ops = await opened()
    await ops.start('echo', 'x')
    await expectCode(() => ops.list({ tenantId: 'a' } as never), 'OPTIONS_INVALID', /"tenantId".*tenant/)
  })
})

describe('cancelling', () => {
  test('a finished run does nothing', async () => {
    const ops = await opened()
    const run = await ops.start('echo', 'x')
    await run.result
    await run.cancel('late')
    expect(await run.result).toEqual({ status: 'completed', output: 'x' })
  })
  test('twice is one cancellation', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    await Promise.all([run.cancel('one'), run.cancel('two')])
    expect(errorOf(await run.result)).toMatchObject({ code: 'RUN_CANCELLED', message: expect.stringMatching('one') as string })
    expect((await historyOf(run)).filter((event) => event.type === 'cancel-request')).toHaveLength(1)
  })
  test.each([
    ['a bigint', 10n],
    ['an object', { a: 1 }],
    ['null', null],
    ['a symbol', Symbol('x')],
    [
      'an object that cannot be written',
      {
        toString() {
          throw new Error('no')
        },
      },
    ],
  ])('with %s as reason ends the run, or is refused', async (_name, reason) => {
    const clock = manualClock()
    const ops = await open({ agents: [waits], clock })
    const run = await ops.start('waits', 'go')
    await clock.advance(0)
    await run.cancel(reason as never).catch(() => run.cancel('plain'))
    expect((await ended(run, clock, 20_000)).status).toBe('cancelled')
    await historyOf(run)
    await expectHealthy(ops, clock)
  })
})
