import { type Json, type JsonObject, type OfferedTool, type RunView, offeredTool } from '../../core/index.ts'
import { readJson } from '../../planning/index.ts'
import { referencesIn } from './references.ts'
import type { PlanStep } from './state.ts'

/** A plan as the model wrote it, or what is wrong with it. */
export type ParsedPlan = { readonly steps: readonly PlanStep[]; readonly problem?: undefined } | { readonly problem: string }

/** What {@link parsePlan} has to know besides the text. */
export interface PlanContext {
  readonly maxSteps: number
  /** Ids of steps of earlier plans that were completed; the new plan may refer to them. */
  readonly done: readonly string[]
}

const ID = /^[A-Za-z0-9_-]{1,64}$/

/**
 * Reads a plan: JSON of the form `{"steps": [{"id", "goal", "tool", "input"}]}`, also in prose or a code fence, also as the
 * bare list, with `title` for `goal` and without ids. Everything that can be checked before work begins is checked: tools,
 * inputs, ids, references to steps that do not come before.
 */
export function parsePlan(run: RunView, text: string, context: PlanContext): ParsedPlan {
  const json = readJson(text, (value) => listOf(value) !== undefined, 16)
  const list = json === undefined ? undefined : listOf(json)
  if (list === undefined) return { problem: 'there is no JSON of the form {"steps": [...]}' }
  if (list.length === 0) return { problem: 'the plan has no steps' }
  if (list.length > context.maxSteps)
    return { problem: `the plan has ${list.length} steps; at most ${context.maxSteps} are allowed` }
  const known = new Set(context.done)
  const own = new Set<string>()
  const steps: PlanStep[] = []
  for (const [index, item] of list.entries()) {
    const read = readStep(run, item, index)
    if (typeof read === 'string') return { problem: `step ${index + 1}: ${read}` }
    if (own.has(read.id)) return { problem: `step ${index + 1}: the id "${read.id}" is taken by an earlier step` }
    const unknown = referencesIn(read.input ?? {}).find((reference) => !known.has(reference.id))
    if (unknown !== undefined)
      return { problem: `step ${index + 1}: {{${unknown.text}}} refers to no output of a step before it` }
    own.add(read.id)
    known.add(read.id)
    steps.push(read)
  }
  return { steps }
}

function listOf(value: Json): readonly Json[] | undefined {
  if (isObject(value)) return Array.isArray(value['steps']) ? (value['steps'] as readonly Json[]) : undefined
  // A bare list is a plan only when it looks like one: prose has brackets of its own.
  return Array.isArray(value) && value.length > 0 && (value as readonly Json[]).every(isObject)
    ? (value as readonly Json[])
    : undefined
}

function readStep(run: RunView, item: Json, index: number): PlanStep | string {
  if (!isObject(item)) return 'a step is an object'
  const id = readId(item['id'], index)
  if (id === undefined) return 'an id is 1 to 64 letters, digits, "_" or "-"'
  // Models write null for what they leave out.
  const wanted = item['tool'] ?? undefined
  const input = item['input'] ?? {}
  const goal = readGoal(item, wanted)
  if (goal === undefined) return 'a step needs a "goal" in words'
  if (wanted !== undefined) return readToolStep(run, { id, goal }, wanted, input)
  const isEmpty = isObject(input) && Object.keys(input).length === 0
  return isEmpty ? { id, goal } : 'a step with "input" needs a "tool"; without a tool, say everything in "goal"'
}

function readId(written: Json | undefined, index: number): string | undefined {
  const id = typeof written === 'number' ? String(written) : (written ?? String(index + 1))
  return typeof id === 'string' && ID.test(id) ? id : undefined
}

function readGoal(item: JsonObject, tool: Json | undefined): string | undefined {
  const goal = item['goal'] ?? item['title'] ?? (typeof tool === 'string' ? `call ${tool}` : undefined)
  return typeof goal === 'string' && goal.trim() !== '' ? goal : undefined
}

function readToolStep(run: RunView, step: PlanStep, wanted: Json, input: Json): PlanStep | string {
  const tool = typeof wanted === 'string' ? offeredTool(run, wanted) : undefined
  if (tool === undefined) return `there is no tool ${JSON.stringify(wanted)}; ${offer(run.tools)}`
  return isObject(input) ? { ...step, tool: tool.name, input } : 'the "input" of a tool is a JSON object'
}

function offer(tools: readonly OfferedTool[]): string {
  return tools.length === 0 ? 'there are no tools at all' : `the tools are: ${tools.map((tool) => tool.alias).join(', ')}`
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
