import type { Effect, Json, Planner, RunView, Tool } from '../../../src/index.ts'
import { noting, type NotingTool, planner } from './parts.ts'

/** Asks for these effects, one decision after the other, and fails when one of them did. */
export function strict(...decisions: readonly (readonly Effect[])[]): Planner {
  return planner((run) => {
    const failed = run.latest.find(({ outcome }) => outcome !== undefined && outcome.status !== 'completed')?.outcome
    if (failed !== undefined && failed.status !== 'completed') return { type: 'fail', error: failed.error }
    const effects = decisions[run.decisions]
    return effects === undefined ? { type: 'finish', output: run.latest.map(valueOf) } : { type: 'act', effects }
  })
}

/** The value of an effect that completed, otherwise null. */
export function valueOf({ outcome }: RunView['latest'][number]): Json {
  return outcome?.status === 'completed' ? outcome.value : null
}

/** A tool that can be broken and mended. */
export interface Fragile {
  readonly tool: NotingTool
  readonly mend: () => void
  readonly break: () => void
}

/** A tool that fails until it is mended. */
export function fragile(name: string, options: Partial<Tool> = {}): Fragile {
  let broken = true
  const tool = noting(
    name,
    () => {
      if (broken) throw new Error('broken')
      return `${name} done`
    },
    options as never,
  )
  return { tool, mend: () => void (broken = false), break: () => void (broken = true) }
}

/** The keys that a tool was called under. */
export const keysOf = (calls: readonly { readonly context: { readonly key: string } }[]): string[] =>
  calls.map(({ context }) => context.key)
