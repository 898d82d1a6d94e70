import { OpspawnError, type TaskRule } from '../../core/index.ts'
import type { Draft } from './draft.ts'
import type { Offer } from './offer.ts'
import type { WorkflowPlanner } from './planner.ts'
import type { Report } from './problem.ts'
import { nearest } from './structure.ts'

/** The rules of a task, each with a name that says whose it is. */
export function namedRules(task: string, rules: readonly TaskRule[] | undefined): readonly TaskRule[] | undefined {
  return rules?.map((rule, index) => ({ name: `${task} rule ${index + 1}`, ...rule }))
}

/**
 * The rules of a workflow's task as its calls carry them, each with a name; none where the document gives none.
 *
 * @throws OpspawnError `OPTIONS_INVALID` for a task that there is not
 */
export function taskRules({ planner }: { readonly planner: WorkflowPlanner }, task: string): readonly TaskRule[] {
  const { name, tasks } = planner.document
  if (Object.hasOwn(tasks, task)) return namedRules(task, tasks[task]?.rules) ?? []
  throw new OpspawnError('OPTIONS_INVALID', `workflow "${name}" has no task ${hint(task, Object.keys(tasks))}`)
}

/**
 * Reports rules that would protect nothing: with an expression in them, which nobody fills in, and those that fit nothing of
 * what a task can do, as far as all of that is known.
 */
export function checkRules(
  { name, part, document: { rules = [] } }: Draft,
  workflow: string,
  offer: Offer,
  report: Report,
): void {
  for (const [index, rule] of rules.entries()) {
    if (!JSON.stringify(rule).includes('${{')) continue
    report.add('expression-name', ['tasks', name, 'rules', index], 'a rule is data, and no expression in it is filled in')
  }
  const reached = part === undefined || rules.length === 0 ? undefined : offer.reachOf(part)
  if (reached === undefined) return
  const agents = [workflow, ...reached.agents]
  for (const [index, { tool, agent }] of rules.entries()) {
    const path = ['tasks', name, 'rules', index]
    const wrong = (known: readonly string[], wanted: string | undefined): wanted is string =>
      wanted !== undefined && !wanted.includes('*') && !known.includes(wanted)
    if (wrong(reached.tools, tool))
      report.add('unknown-tool', [...path, 'tool'], `the rule protects nothing: the task calls no ${hint(tool, reached.tools)}`)
    if (wrong(agents, agent))
      report.add('unknown-agent', [...path, 'agent'], `the rule protects nothing: nothing is called by ${hint(agent, agents)}`)
  }
}

function hint(name: string, known: readonly string[]): string {
  const near = nearest(name, known)
  return `${JSON.stringify(name)}; ${near === undefined ? `known are ${known.slice(0, 20).join(', ')}` : `did you mean "${near}"?`}`
}
