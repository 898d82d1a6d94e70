/**
 * How many runs may be worked on, counted by the store in all workers and processes together. Give one of the two, or both.
 *
 * @property concurrency Runs at work at once: ready or claimed, that of a dead worker included until it is taken over. One that
 * waits for a signal or a time, is paused or quarantined does not count.
 * @property rate At most `runs` begin in any `perMs` milliseconds. One that goes on after a wait or a crash begins nothing.
 * @property rate.runs That may begin.
 * @property rate.perMs In any span of so many milliseconds.
 */
export type GateBounds = Readonly<{ concurrency?: number; rate?: Readonly<{ runs: number; perMs: number }> }>

/**
 * A bound on the runs of an agent. Those that it holds back are accepted, and wait as `queued`.
 *
 * @property by Which runs share it: all of the agent, those of each tenant, or those of each session of a tenant. A run without a
 * session is one of its own.
 */
export type Gate = GateBounds & Readonly<{ by: 'agent' | 'tenant' | 'session' }>

/**
 * A bound that a run is under, as it was when the run was accepted.
 *
 * @property key Runs with the same key share it.
 */
export type RunGate = GateBounds & Readonly<{ key: string }>
