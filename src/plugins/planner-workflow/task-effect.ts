import type { Effect, Json, WaitEffect } from '../../core/index.ts'
import { durationMs } from '../../planning/index.ts'
import type { GraphTask } from './graph.ts'
import { fillTemplate } from './template.ts'
import type { Scope } from './value-path.ts'

/** The effect that carries a task out, or one item of it. @throws Error for an expression that fails */
export function taskEffect(task: GraphTask, key: string, input: Json, scope: Scope): Effect {
  const ms = task.fixedMs ?? dynamicMs(task, scope)
  const { target, name, retry } = task
  const timeout = ms === undefined ? undefined : { timeoutMs: ms }
  const rules = task.rules === undefined ? undefined : { rules: task.rules }
  switch (task.kind) {
    case 'tool': {
      if (ms === undefined && !retry.isGiven && rules === undefined) return { kind: 'tool', key, tool: target, input, task: name }
      // The document's retries are made here: the tool's own policy would multiply them.
      const once = retry.isGiven ? { attempts: 1 } : undefined
      return { kind: 'tool', key, tool: target, input, task: name, ...timeout, ...once, ...rules }
    }
    case 'agent':
    case 'workflow':
      return { kind: 'run', key, agent: target, input, task: name, ...timeout, ...rules }
    default:
      return { kind: 'wait', key, for: waitFor(task, ms, scope) }
  }
}

function waitFor(task: GraphTask, ms: number | undefined, scope: Scope): WaitEffect['for'] {
  const deadline = ms === undefined ? undefined : { deadlineMs: ms }
  if (task.kind === 'sleep') return { type: 'time', ms: ms ?? 0 }
  if (task.kind === 'signal') return { type: 'signal', name: task.target, ...deadline }
  const question = task.question === undefined ? '' : fillTemplate(task.question, scope)
  const details = task.details === undefined ? undefined : { details: fillTemplate(task.details, scope) }
  return {
    type: 'approval',
    question: typeof question === 'string' ? question : JSON.stringify(question),
    ...details,
    ...deadline,
  }
}

function dynamicMs({ duration }: GraphTask, scope: Scope): number | undefined {
  if (duration === undefined) return undefined
  const text = fillTemplate(duration, scope)
  const ms = typeof text === 'string' ? durationMs(text) : undefined
  if (ms === undefined)
    throw new Error(`${JSON.stringify(text).slice(0, 80)} is no duration; give 500ms, 90s, 1h30m, 2d or PT15M`)
  return ms
}
