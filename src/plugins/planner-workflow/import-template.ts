import { type Json, type JsonObject, OpspawnError } from '../../core/index.ts'
import type { TaskDocument, WorkflowDocument } from './document.ts'
import { WORKFLOW_LIMITS } from './limits.ts'
import { documentError } from './problem.ts'
import { readSource } from './source.ts'

/** What importing a template gives. */
export interface ImportedTemplate {
  /** To be loaded with `loadWorkflow`. */
  readonly document: WorkflowDocument
  /** What could not be carried over, or means something else now. */
  readonly warnings: readonly string[]
}

const KNOWN_TEMPLATE = ['id', 'name', 'description', 'version', 'tasks']
const KNOWN_TASK = ['taskId', 'name', 'agentCapability', 'parameters', 'nextTaskId', 'maxRetries']

/**
 * Makes a workflow document of a template of the older form: a list of `tasks` with `taskId`, `agentCapability`, `parameters`
 * and `nextTaskId`. A task becomes one for the first agent with the capability, behind the tasks that name it as their next.
 *
 * @param source text in YAML or JSON, or plain data.
 * @throws OpspawnError `AGENT_INVALID` for a text that cannot be read, `OPTIONS_INVALID` for what is no template
 */
export async function importTemplate(source: unknown): Promise<ImportedTemplate> {
  const { data, problems } = await readSource(source)
  if (problems.length > 0) throw documentError(problems, undefined)
  const template = asMap(data)
  const list = template?.['tasks']
  if (template === undefined || !Array.isArray(list) || list.length === 0)
    throw new OpspawnError(
      'OPTIONS_INVALID',
      'a template is a map with a list of tasks, each with a taskId and an agentCapability',
    )
  const warnings: string[] = []
  warnUnknown(template, KNOWN_TEMPLATE, 'the template', warnings)
  const tasks = (list as readonly Json[]).map((task, index) => readTask(task, index, warnings))
  const names = nameAll(tasks, warnings)
  const needs = needsOf(tasks, names, warnings)
  const made = tasks.map((task, index): [string, TaskDocument] => [names[index] ?? '', toDocument(task, needs[index] ?? [])])
  return { document: { ...headOf(template, warnings), tasks: Object.fromEntries(made) }, warnings }
}

function headOf(template: JsonObject, warnings: string[]): Omit<WorkflowDocument, 'tasks'> {
  const shown = textOf(template['name'])
  const name = identifier(shown ?? textOf(template['id']) ?? 'workflow')
  if (shown !== undefined && shown !== name) warnings.push(`the name "${shown}" became "${name}"`)
  const description = textOf(template['description']) ?? (shown === name ? undefined : shown)
  const version = textOf(template['version'])
  return {
    name,
    ...(description === undefined ? undefined : { description }),
    ...(version === undefined ? undefined : { version }),
  }
}

/** A task of a template, read. */
interface TemplateTask {
  readonly id: string
  readonly label: string | undefined
  readonly capability: string
  readonly parameters: Json
  readonly next: string | undefined
  readonly retries: number | undefined
}

function readTask(value: Json, index: number, warnings: string[]): TemplateTask {
  const task = asMap(value)
  const id = textOf(task?.['taskId'])
  const capability = textOf(task?.['agentCapability'])
  if (task === undefined || id === undefined || capability === undefined)
    throw new OpspawnError('OPTIONS_INVALID', `task ${index} of the template has no taskId or no agentCapability; both are texts`)
  warnUnknown(task, KNOWN_TASK, `task "${id}"`, warnings)
  const { maxRetries } = task
  const most = WORKFLOW_LIMITS.attempts - 1
  const retries =
    Number.isSafeInteger(maxRetries) && (maxRetries as number) > 0 ? Math.min(maxRetries as number, most) : undefined
  return {
    id,
    label: textOf(task['name']),
    capability,
    parameters: asPlain(task['parameters'] ?? {}),
    next: textOf(task['nextTaskId']),
    retries,
  }
}

function toDocument({ label, capability, parameters, retries }: TemplateTask, needs: readonly string[]): TaskDocument {
  return {
    ...(label === undefined ? undefined : { description: label }),
    ...(needs.length === 0 ? undefined : { needs }),
    agent: { capability },
    with: parameters,
    ...(retries === undefined ? undefined : { retry: retries + 1 }),
  }
}

function nameAll(tasks: readonly TemplateTask[], warnings: string[]): readonly string[] {
  const taken = new Set<string>()
  return tasks.map(({ id }) => {
    let name = identifier(id)
    for (let number = 2; taken.has(name); number += 1) name = `${identifier(id).slice(0, 58)}_${number}`
    taken.add(name)
    if (name !== id) warnings.push(`the task "${id}" became "${name}"`)
    return name
  })
}

function needsOf(tasks: readonly TemplateTask[], names: readonly string[], warnings: string[]): readonly (readonly string[])[] {
  const needs: string[][] = tasks.map(() => [])
  for (const [index, { id, next }] of tasks.entries()) {
    if (next === undefined) continue
    const target = tasks.findIndex((task) => task.id === next)
    if (target < 0) warnings.push(`the task "${id}" goes on with "${next}", which is not there; nothing comes behind it`)
    else needs[target]?.push(names[index] ?? '')
  }
  if (tasks.length > 1 && needs.every((list) => list.length === 0))
    warnings.push('no task says which one is next: all of them run at once')
  return needs
}

function identifier(text: string): string {
  const name = text.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 62)
  return /^[A-Za-z_]/.test(name) && !['constructor', 'prototype', '__proto__'].includes(name) ? name : `t_${name}`
}

/** Parameters were plain data: what looks like an expression stays a text. */
function asPlain(value: Json): Json {
  if (typeof value === 'string') return value.replaceAll('${{', () => '$${{')
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => asPlain(item as Json))
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, asPlain(member as Json)]))
}

function warnUnknown(map: JsonObject, known: readonly string[], what: string, warnings: string[]): void {
  for (const key of Object.keys(map))
    if (!known.includes(key)) warnings.push(`${what} has "${key}", which has no counterpart and was left out`)
}

function asMap(value: Json | undefined): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
