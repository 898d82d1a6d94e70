import { OpspawnError } from '../core/index.ts'

/** A runner's `test` function, as vitest and node:test have it. `skip` is used, where there is one, to show what was left out. */
export interface TestFunction {
  (name: string, run: () => Promise<void>): unknown
  /** Shows a case that was left out. */
  readonly skip?: (name: string, run: () => Promise<void>) => unknown
}

/** One case of a conformance suite. */
export interface ConformanceCase<World> {
  /** Names the guarantee, such as `S7`, and what is checked. */
  readonly name: string
  readonly run: (world: World) => Promise<void>
}

/**
 * Hands the cases of a suite to a runner, each with a world of its own.
 *
 * @throws OpspawnError `OPTIONS_INVALID` when `skip` names a case that the suite has not: a renamed case must not stay
 * skipped unseen.
 */
export function registerCases<World>(
  test: TestFunction,
  cases: readonly ConformanceCase<World>[],
  skip: Readonly<Record<string, string>>,
  withWorld: (run: (world: World) => Promise<void>) => Promise<void>,
): void {
  const unknown = Object.keys(skip).find((name) => !cases.some((one) => one.name === name))
  if (unknown !== undefined) throw new OpspawnError('OPTIONS_INVALID', `skip names "${unknown}", which is no case of the suite`)
  for (const { name, run } of cases) {
    const reason = skip[name]
    if (reason === undefined) test(name, () => keepingAlive(() => withWorld(run)))
    else if (test.skip === undefined) test(`${name} (skipped: ${reason})`, async () => {})
    else test.skip(`${name} (skipped: ${reason})`, () => withWorld(run))
  }
}

/** What is tested may wait on timers that keep no process alive, and some runners would then end in the middle of a case. */
async function keepingAlive(run: () => Promise<void>): Promise<void> {
  const timer = setInterval(() => {}, 60_000)
  try {
    await run()
  } finally {
    clearInterval(timer)
  }
}
