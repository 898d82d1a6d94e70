import type { Agent, Json, JsonObject, Tool } from '../../core/index.ts'
import { checkWith } from './check-with.ts'
import { TASK_KINDS, type TaskDocument, type TaskKind, type WorkflowDocument } from './document.ts'
import { type Draft, listOf, markCompensations } from './draft.ts'
import type { ExpressionCompiler } from './expression.ts'
import { ExpressionMaker } from './expression-maker.ts'
import type { Graph, GraphTask } from './graph.ts'
import { WORKFLOW_LIMITS } from './limits.ts'
import type { KnownPart, Offer } from './offer.ts'
import { type Order, orderTasks } from './order.ts'
import type { Path, Report } from './problem.ts'
import type { Template } from './template.ts'
import { checkRules, namedRules } from './task-rules.ts'
import { itemType, kindText, type ValueType } from './value-type.ts'
import { FAILURE_SCHEMA, RUN_SCHEMA, type TaskShape, type Visible } from './visible.ts'

/** A document made ready, with the tools and agents that it uses. */
export interface Compiled {
  readonly graph: Graph
  readonly tools: readonly (Tool | string)[]
  readonly agents: readonly string[]
}

/** Makes a document ready that has the right structure, and reports everything that is wrong with its meaning. */
export function compileDocument(
  document: WorkflowDocument,
  offer: Offer,
  expressions: ExpressionCompiler,
  report: Report,
): Compiled {
  return new Compiler(document, offer, expressions, report).run()
}

/** Kinds that take an input and may be tried again. */
const CALLS: ReadonlySet<TaskKind> = new Set(['tool', 'agent', 'workflow'])

class Compiler {
  readonly #document: WorkflowDocument
  readonly #offer: Offer
  readonly #maker: ExpressionMaker
  readonly #report: Report
  readonly #drafts: readonly Draft[]
  readonly #index: ReadonlyMap<string, number>
  readonly #order: Order
  readonly #shapes: ReadonlyMap<string, TaskShape>

  constructor(document: WorkflowDocument, offer: Offer, expressions: ExpressionCompiler, report: Report) {
    this.#document = document
    this.#offer = offer
    this.#maker = new ExpressionMaker(expressions, report)
    this.#report = report
    this.#drafts = Object.entries(document.tasks).map(([name, task]) => this.#draft(name, task))
    this.#index = new Map(this.#drafts.map(({ name }, index) => [name, index]))
    markCompensations(document, this.#drafts, report)
    this.#order = orderTasks(
      this.#drafts.map(({ name, document: { needs } }) => ({ name, needs: listOf(needs), isList: Array.isArray(needs) })),
      report,
    )
    this.#shapes = new Map(this.#drafts.map((draft) => [draft.name, { output: outputOf(draft) }]))
  }

  run(): Compiled {
    const dependents = this.#dependents()
    const tasks = this.#drafts.map((draft, index) => this.#task(draft, index, dependents[index] ?? []))
    const ordinary = (index: number): boolean => this.#drafts[index]?.isCompensation === false
    const sorted = this.#order.sorted.filter(ordinary)
    const atEnd = this.#visible([], (name) =>
      this.#drafts[this.#index.get(name) ?? -1]?.isCompensation === true
        ? `the task "${name}" runs only after a failure, and the output is made when there was none`
        : undefined,
    )
    const { output, onFailure } = this.#document
    const graph: Graph = {
      document: this.#document,
      tasks,
      byName: new Map(tasks.map((task) => [task.name, task])),
      sorted,
      leaves: sorted.filter((index) => dependents[index]?.length === 0),
      output: output === undefined ? undefined : this.#maker.template(output, ['output'], atEnd),
      onFailure: this.#indices(onFailure),
    }
    const used = (kinds: readonly TaskKind[]): Draft[] => this.#drafts.filter(({ kind }) => kinds.includes(kind))
    const tools = new Map(used(['tool']).map(({ part }) => [part?.name, (part?.value as Tool | undefined) ?? part?.name]))
    const agents = new Set(used(['agent', 'workflow']).map(({ part }) => part?.name))
    return {
      graph,
      tools: [...tools.values()].filter((tool) => tool !== undefined),
      agents: [...agents].filter((agent) => agent !== undefined),
    }
  }

  #draft(name: string, document: TaskDocument): Draft {
    const kind = TASK_KINDS.find((one) => document[one] !== undefined) ?? 'sleep'
    return { name, kind, document, part: this.#part(name, kind, document), isCompensation: false }
  }

  #part(name: string, kind: TaskKind, document: TaskDocument): KnownPart<Tool | Agent> | undefined {
    const path = ['tasks', name, kind]
    if (kind === 'tool') return this.#offer.tool(document.tool ?? '', path, this.#report)
    if (kind !== 'agent' && kind !== 'workflow') return undefined
    const target = document[kind] ?? ''
    if (typeof target === 'object') return this.#offer.able(target.capability, [...path, 'capability'], this.#report)
    const way = this.#offer.wayBack(target, this.#document.name)
    if (way === undefined) return this.#offer.agent(target, kind, path, this.#report)
    const names = [this.#document.name, ...way].join(' → ')
    this.#report.add('cycle', path, `workflows start one another in a circle: ${names}`)
    return undefined
  }

  #dependents(): readonly (readonly number[])[] {
    const dependents: number[][] = this.#drafts.map(() => [])
    for (const [index, needs] of this.#order.needs.entries()) for (const need of needs) dependents[need]?.push(index)
    return dependents
  }

  #task(draft: Draft, index: number, dependents: readonly number[]): GraphTask {
    const { name, kind, document, isCompensation } = draft
    const path = ['tasks', name]
    this.#checkKeys(draft, path)
    checkRules(draft, this.#document.name, this.#offer, this.#report)
    const visible = this.#visibleFor(draft, index)
    const each = this.#forEach(document, path, visible)
    const inner: Visible = each === undefined ? visible : { ...visible, roots: new Map([...visible.roots, ...each.roots]) }
    return {
      index,
      name,
      kind,
      target: targetOf(draft),
      input: document.with === undefined ? undefined : this.#with(draft, document.with, inner),
      needs: this.#order.needs[index] ?? [],
      dependents,
      join: document.join ?? 'all',
      condition: document.if === undefined ? undefined : this.#maker.condition(document.if, [...path, 'if'], visible),
      forEach: each?.list,
      concurrency: document.concurrency ?? WORKFLOW_LIMITS.fanOut,
      retry: this.#maker.retry(document, path),
      ...this.#time(draft, path, inner),
      ...this.#question(draft, [...path, 'approval'], inner),
      failure: document.failure ?? 'fail',
      onFailure: this.#indices(document.onFailure),
      isCompensation,
      rules: namedRules(name, document.rules),
    }
  }

  /** The one duration that a task may have, whatever it is called in a task of its kind. */
  #time({ kind, document }: Draft, path: Path, visible: Visible): Pick<GraphTask, 'duration' | 'fixedMs'> {
    const { sleep, approval, signal, timeout } = document
    if (sleep !== undefined) return this.#maker.duration(sleep, [...path, 'sleep'], visible)
    const wait = approval ?? signal
    const deadline = typeof wait === 'object' ? wait.deadline : undefined
    if (deadline !== undefined) return this.#maker.duration(deadline, [...path, kind, 'deadline'], visible)
    return this.#maker.duration(timeout, [...path, 'timeout'], visible)
  }

  #question({ kind, name, document }: Draft, path: Path, visible: Visible): Pick<GraphTask, 'question' | 'details'> {
    if (kind !== 'approval') return { question: undefined, details: undefined }
    const { approval } = document
    if (typeof approval === 'string') return { question: this.#maker.template(approval, path, visible), details: undefined }
    const text = approval?.question ?? `May "${name}" of ${this.#document.name} go on?`
    const question = this.#maker.template(text, [...path, 'question'], visible)
    const given = approval?.details
    return { question, details: given === undefined ? undefined : this.#maker.template(given, [...path, 'details'], visible) }
  }

  /** Keys that say nothing for a task of its kind are mistakes, not decoration. */
  #checkKeys({ kind, document }: Draft, path: Path): void {
    // What it does could not be read: that has been reported.
    if (document[kind] === undefined) return
    const refuse = (key: string, why: string): void => this.#report.add('task-kind', [...path, key], `"${key}" ${why}`, 'key')
    const hint = kind === 'sleep' ? '' : '; it has a deadline'
    for (const key of CALLS.has(kind) ? [] : (['with', 'retry', 'timeout', 'rules'] as const)) {
      if (document[key] === undefined) continue
      refuse(key, `is for tools, agents and workflows, and this task is a ${kind}${key === 'timeout' ? hint : ''}`)
    }
    if (document.concurrency !== undefined && document.forEach === undefined) refuse('concurrency', 'is for tasks with forEach')
    if (document.join !== undefined && listOf(document.needs).length === 0) refuse('join', 'is for tasks with needs')
  }

  #visible(roots: readonly (readonly [string, JsonObject | undefined])[], whyNot: Visible['whyNot']): Visible {
    const all = new Map([['input', this.#document.input] as const, ['run', RUN_SCHEMA] as const, ...roots])
    return { roots: all, tasks: this.#shapes, whyNot }
  }

  #visibleFor({ name, isCompensation }: Draft, index: number): Visible {
    if (isCompensation) {
      return this.#visible([['failure', FAILURE_SCHEMA]], (other) =>
        this.#drafts[this.#index.get(other) ?? -1]?.isCompensation === true
          ? `the task "${other}" runs on failure as well, and cannot be read here`
          : undefined,
      )
    }
    return this.#visible([], (other) => {
      const earlier = this.#index.get(other) ?? -1
      if (this.#order.isBefore(earlier, index)) return undefined
      if (this.#drafts[earlier]?.isCompensation === true)
        return `the task "${other}" runs on failure only, and cannot be read here`
      return `the task "${other}" may not have settled when "${name}" runs; add it to the needs of "${name}"`
    })
  }

  #forEach(
    document: TaskDocument,
    path: Path,
    visible: Visible,
  ): { readonly list: Template; readonly roots: readonly (readonly [string, JsonObject | undefined])[] } | undefined {
    if (document.forEach === undefined) return undefined
    const at = [...path, 'forEach']
    const list = this.#maker.template(document.forEach, at, visible)
    const type: ValueType | undefined = 'only' in list ? list.only?.type : undefined
    if (type !== undefined && type.kind !== 'any' && type.kind !== 'list')
      this.#report.add('expression-type', at, `forEach needs a list, and this is ${kindText(type.kind)}`)
    return {
      list,
      roots: [
        ['item', type === undefined ? undefined : itemType(type)],
        ['index', { type: 'integer' }],
      ],
    }
  }

  #with({ name, part }: Draft, value: Json, visible: Visible): Template {
    const path = ['tasks', name, 'with']
    const types = new Map<string, ValueType>()
    const template = this.#maker.template(value, path, visible, (at, type) => types.set(JSON.stringify(at), type))
    if (part?.input !== undefined) checkWith(part.input, value, path, types, part.name, this.#report)
    return template
  }

  #indices(names: TaskDocument['onFailure']): readonly number[] {
    return listOf(names)
      .map((name) => this.#index.get(name))
      .filter((index) => index !== undefined)
  }
}

function targetOf({ part, document: { signal } }: Draft): string {
  return part?.name ?? (typeof signal === 'object' ? signal.name : (signal ?? ''))
}

const APPROVED: JsonObject = {
  type: 'object',
  properties: { approved: { type: 'boolean' }, by: { type: 'string' }, reason: { type: 'string' } },
  additionalProperties: false,
}

function outputOf({ kind, document, part }: Draft): JsonObject | undefined {
  const one = kind === 'approval' ? APPROVED : kind === 'sleep' ? { type: 'null' } : part?.output
  if (document.forEach === undefined) return one
  return { type: 'array', items: one ?? {} }
}
