import { createHash } from 'node:crypto'
import { type Agent, canonicalJson, type Delegate, type Json, OpspawnError, type RunLimits } from '../../core/index.ts'
import { type Cel, loadCel } from './cel.ts'
import { type Compiled, compileDocument } from './compile.ts'
import type { WorkflowDocument } from './document.ts'
import { ExpressionCompiler } from './expression.ts'
import { Offer, type WorkflowParts } from './offer.ts'
import { graphPlanner, type WorkflowPlanner } from './planner.ts'
import { documentError, Report, type WorkflowProblem } from './problem.ts'
import { readSource } from './source.ts'
import { checkStructure } from './structure.ts'
import { WORKFLOW_SCHEMA } from './workflow-schema.ts'

/** What a document is loaded with. */
export interface LoadWorkflowOptions extends WorkflowParts {
  /** Limits of its runs. @default 100,000 decisions, and what the engine gives else */
  readonly limits?: RunLimits | undefined
  /** Where the text came from, for messages: `flows/brief.yaml`. */
  readonly file?: string | undefined
}

/** A workflow: an agent whose planner goes through a graph of tasks. Register it and start it like any other. */
export interface Workflow<Input = unknown, Output = unknown> extends Agent<Input, Output> {
  readonly planner: WorkflowPlanner
}

/**
 * What reading a document came to.
 *
 * @property workflow Where nothing was wrong.
 * @property problems Everything that was wrong, by place.
 */
export type ParsedWorkflow =
  | { readonly workflow: Workflow; readonly problems?: undefined }
  | { readonly problems: readonly WorkflowProblem[]; readonly workflow?: undefined }

/**
 * Reads a workflow from YAML or JSON text, or from plain data, and checks all of it before anything runs: structure, names,
 * dependencies, expressions against the declared schemas, limits. Every problem is in the answer, with its place.
 *
 * @throws OpspawnError `OPTIONS_INVALID`; `PLUGIN_PACKAGE_MISSING` when an expression needs a package that is not installed
 */
export async function parseWorkflow(source: unknown, options: LoadWorkflowOptions = {}): Promise<ParsedWorkflow> {
  requireOptions(options)
  const { data, places, problems, isFatal } = await readSource(source)
  if (isFatal) return { problems }
  const structure = new Report(places)
  checkStructure(WORKFLOW_SCHEMA, data, [], structure)
  const found = [...problems, ...structure.list()]
  // What is wrong in one part must not hide what is wrong in the others: sound parts are checked for their meaning too.
  const document = soundPart(data, structure)
  if (document === undefined) return { problems: sorted(found) }
  const offer = new Offer(options)
  let cel: Cel | undefined
  for (;;) {
    const report = new Report(places)
    const expressions = new ExpressionCompiler(cel)
    const compiled = compileDocument(document, offer, expressions, report)
    if (expressions.isCelNeeded) {
      cel = await loadCel()
      continue
    }
    const all = [...found, ...report.list()]
    return all.length > 0 ? { problems: sorted(all) } : { workflow: toAgent(compiled, options) }
  }
}

/**
 * Reads a workflow like {@link parseWorkflow}, and throws when anything is wrong with it.
 *
 * @throws OpspawnError `AGENT_INVALID` whose message shows all problems with their places, and whose details list them as
 * data; what {@link parseWorkflow} throws
 */
export async function loadWorkflow<Input = unknown, Output = unknown>(
  source: unknown,
  options: LoadWorkflowOptions = {},
): Promise<Workflow<Input, Output>> {
  const { workflow, problems } = await parseWorkflow(source, options)
  if (workflow === undefined) throw documentError(problems, options.file)
  return workflow as Workflow<Input, Output>
}

function sorted(problems: readonly WorkflowProblem[]): readonly WorkflowProblem[] {
  return problems.toSorted((left, right) => (left.line ?? 0) - (right.line ?? 0) || (left.column ?? 0) - (right.column ?? 0))
}

/** The document without the members that have the wrong form; `undefined` where there is nothing to go on with. */
function soundPart(data: Json, structure: Report): WorkflowDocument | undefined {
  if (structure.isEmpty) return data as unknown as WorkflowDocument
  // What is not listed cannot be left out.
  if (structure.isCut || !isMap(data)) return undefined
  const copy = structuredClone(data) as unknown as Record<string, unknown>
  for (const { path, rule } of structure.list()) {
    const isInner = rule === 'missing-key' && path.split('/').length > 3
    if (rule === 'type' || rule === 'unknown-key' || isInner) removeAt(copy, path)
  }
  const { name, tasks } = copy
  if (!isMap(tasks)) return undefined
  return { ...copy, name: typeof name === 'string' ? name : '' } as unknown as WorkflowDocument
}

function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function removeAt(root: Record<string, unknown>, path: string): void {
  const steps = path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  // A member of a list cannot be taken out without moving the others: the whole list goes.
  let holder: unknown = root
  for (const [index, step] of steps.entries()) {
    if (typeof holder !== 'object' || holder === null) return
    const next: unknown = (holder as Record<string, unknown>)[step]
    if (index === steps.length - 1 || Array.isArray(next)) {
      delete (holder as Record<string, unknown>)[step]
      return
    }
    holder = next
  }
}

const OPTIONS: readonly string[] = ['tools', 'agents', 'limits', 'file']

function requireOptions(options: LoadWorkflowOptions): void {
  for (const key of Object.keys(options)) {
    if (!OPTIONS.includes(key))
      throw new OpspawnError('OPTIONS_INVALID', `loadWorkflow has no option "${key}"; it has ${OPTIONS.join(', ')}`)
  }
  for (const key of ['tools', 'agents'] as const) {
    const list: unknown = options[key]
    if (list === undefined) continue
    const isGood =
      Array.isArray(list) &&
      list.every((part) => typeof part === 'string' || typeof (part as { name?: unknown } | null)?.name === 'string')
    if (!isGood) throw new OpspawnError('OPTIONS_INVALID', `loadWorkflow: ${key} must be a list of ${key} or of their names`)
  }
}

/** Each item of a fan-out may settle by itself, and each time the planner is asked. */
const LIMITS: RunLimits = { decisions: 100_000, repairs: 0 }

function toAgent({ graph, tools, agents }: Compiled, { limits }: LoadWorkflowOptions): Workflow {
  const { document } = graph
  const { name, description, input, outputSchema } = document
  const delegates = agents.map((agent): Delegate => ({ agent }))
  const hash = createHash('sha256')
    .update(canonicalJson(document as unknown as Json))
    .digest('hex')
    .slice(0, 16)
  return {
    spec: 'agent/1',
    name,
    description,
    planner: graphPlanner(graph, `1 ${hash}`),
    models: {},
    tools,
    delegates,
    memories: [],
    input,
    output: outputSchema,
    limits: { ...LIMITS, ...limits },
  }
}
