import { toJson, type Json, type ToolContext } from '../core/index.ts'

/** A context for tests, with what the tool told it. */
export interface TestToolContext extends ToolContext {
  /** Values given to `progress`, in order. */
  readonly progressed: readonly Json[]
  /**
   * Lines given to `log`, in order.
   *
   * @property message The line.
   * @property data What was given beside it.
   */
  readonly logged: readonly { readonly message: string; readonly data: Json | undefined }[]
  /** Fires the signal, unless the overrides brought one of their own. */
  abort(reason?: unknown): void
}

/**
 * Makes a whole tool context for a unit test: first attempt, tenant `default`, no deadline, a signal that
 * {@link TestToolContext.abort} fires. Progress and log data must be JSON, as in a run.
 *
 * @example
 * const context = toolContext({ tenant: 'acme' })
 * expect(await weather.execute({ city: 'Bergen' }, context)).toBe('rain')
 * expect(context.progressed).toEqual(['asking'])
 */
export function toolContext(overrides: Partial<ToolContext> = {}): TestToolContext {
  const control = new AbortController()
  const progressed: Json[] = []
  const logged: { readonly message: string; readonly data: Json | undefined }[] = []
  const runId = overrides.runId ?? 'run-1'
  const key = overrides.key ?? 'call-1'
  return {
    agent: 'agent',
    idempotencyKey: `${runId}/${key}`,
    attempt: 1,
    epoch: 1,
    signal: control.signal,
    deadline: undefined,
    tenant: 'default',
    session: undefined,
    caller: undefined,
    isHidden: () => false,
    tx: undefined,
    progress: (value) => void progressed.push(toJson(value)),
    log: (message, data) => void logged.push({ message, data: data === undefined ? undefined : toJson(data) }),
    ...overrides,
    runId,
    key,
    progressed,
    logged,
    abort: (reason) => control.abort(reason),
  }
}
