import type { JsonObject } from '../../core/index.ts'
import type { ExpressionContext } from './expression.ts'
import { nearest } from './structure.ts'
import { pathText } from './value-path.ts'
import { typeAt, type ValueType } from './value-type.ts'

/** What the expressions of one place may read. */
export interface Visible {
  /** Variables, with the schema of each where it is known. */
  readonly roots: ReadonlyMap<string, JsonObject | undefined>
  /** All tasks. */
  readonly tasks: ReadonlyMap<string, TaskShape>
  /** Whether a task has settled for certain; says why not, in words. */
  whyNot(task: string): string | undefined
}

/** What is known of a task before it runs. */
export interface TaskShape {
  readonly output: JsonObject | undefined
}

const TEXT: JsonObject = { type: 'string' }

/** What stands in `run`. */
export const RUN_SCHEMA: JsonObject = {
  type: 'object',
  properties: { id: TEXT, workflow: TEXT, tenant: TEXT, session: {} },
  additionalProperties: false,
}

/** What stands in `failure`. */
export const FAILURE_SCHEMA: JsonObject = {
  type: 'object',
  properties: { task: TEXT, code: TEXT, message: TEXT },
  additionalProperties: false,
}

/** Holds the paths of expressions against what is visible. */
export function contextOf(visible: Visible): ExpressionContext {
  return {
    resolve(path) {
      const { root, steps } = path
      if (root !== 'tasks') {
        if (visible.roots.has(root)) return typed(typeAt(visible.roots.get(root), steps, root))
        const names = ['tasks', ...visible.roots.keys()]
        const near = nearest(root, names)
        const hint = near === undefined ? `there are ${names.join(', ')}` : `did you mean "${near}"?`
        return { rule: 'expression-name', problem: `there is no variable "${root}" here; ${hint}` }
      }
      const [name, ...rest] = steps
      if (typeof name !== 'string')
        return { rule: 'expression-name', problem: `"${pathText(path)}" names no task; write tasks.NAME.output` }
      const task = visible.tasks.get(name)
      if (task === undefined) {
        const near = nearest(name, [...visible.tasks.keys()])
        const hint = near === undefined ? '' : `; did you mean "${near}"?`
        return { rule: 'expression-name', problem: `there is no task ${JSON.stringify(name)}${hint}` }
      }
      const reason = visible.whyNot(name)
      if (reason !== undefined) return { rule: 'expression-name', problem: reason }
      return typed(typeAt(resultSchema(task.output), rest, pathText({ root, steps: [name] })))
    },
  }
}

function typed(found: ValueType | { readonly problem: string }): ReturnType<ExpressionContext['resolve']> {
  return 'problem' in found ? { rule: 'expression-path', problem: found.problem } : found
}

function resultSchema(output: JsonObject | undefined): JsonObject {
  return {
    type: 'object',
    properties: { status: TEXT, output: output ?? {}, error: {} },
    additionalProperties: false,
  }
}
