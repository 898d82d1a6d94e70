import type { Agent, Json, JsonObject, Tool } from '../../core/index.ts'
import { checkWith } from './check-with.ts'
import { TASK_KINDS, type TaskDocument, type TaskKind, type WorkflowDocument } from './document.ts'
import { durationMs } from '../../planning/index.ts'
import type { Complain, Expression, ExpressionCompiler } from './expression.ts'
import type { Graph, GraphRetry, GraphTask } from './graph.ts'
import { WORKFLOW_LIMITS } from './limits.ts'
import type { KnownPart, Offer } from './offer.ts'
import { type Order, orderTasks } from './order.ts'
import type { Path, Report } from './problem.ts'
import { show } from './structure.ts'
import { compileTemplate, type Template, UnclosedError } from './template.ts'
import { contextOf, FAILURE_SCHEMA, RUN_SCHEMA, type TaskShape, type Visible } from './visible.ts'
import { itemType, kindText, type ValueType } from './value-type.ts'

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

/** A task of the document while it is made ready. */
interface Draft {
  readonly name: string
  readonly kind: TaskKind
  readonly document: TaskDocument
  readonly part: KnownPart<Tool | Agent> | undefined
  isCompensation: boolean
}

class Compiler {
  readonly #document: WorkflowDocument
  readonly #offer: Offer
  readonly #expressions: ExpressionCompiler
  readonly #report: Report
  readonly #drafts: readonly Draft[]
  readonly #index: ReadonlyMap<string, number>
  readonly #order: Order
  readonly #shapes: ReadonlyMap<string, TaskShape>

  constructor(document: WorkflowDocument, offer: Offer, expressions: ExpressionCompiler, report: Report) {
    this.#document = document
    this.#offer = offer
    this.#expressions = expressions
    this.#report = report
    this.#drafts = Object.entries(document.tasks).map(([name, task]) => this.#draft(name, task))
    this.#index = new Map(this.#drafts.map(({ name }, index) => [name, index]))
    this.#checkCompensations()
    this.#order = orderTasks(
      this.#drafts.map(({ name, document: { needs } }) => ({ name, needs: listOf(needs), isList: Array.isArray(needs) })),
      report,
    )
    this.#checkNeeds()
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
      output: output === undefined ? undefined : this.#template(output, ['output'], atEnd),
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

  /** A task that others name under `onFailure` takes no part in the ordinary course. */
  #checkCompensations(): void {
    const owners = new Map<string, string>()
    const take = (names: TaskDocument['onFailure'], owner: string, path: Path): void => {
      for (const [position, name] of listOf(names).entries()) {
        const at = Array.isArray(names) ? [...path, position] : path
        const draft = this.#drafts[this.#index.get(name) ?? -1]
        const other = owners.get(name)
        if (draft === undefined)
          this.#report.add('compensation', at, `there is no task ${JSON.stringify(name)} to run on failure`)
        else if (other !== undefined)
          this.#report.add('compensation', at, `the task "${name}" is run on failure of ${other} already; each has its own`)
        else {
          owners.set(name, owner)
          draft.isCompensation = true
        }
      }
    }
    for (const { name, document } of this.#drafts) take(document.onFailure, `"${name}"`, ['tasks', name, 'onFailure'])
    take(this.#document.onFailure, 'the workflow', ['onFailure'])
    for (const { name, document, isCompensation } of this.#drafts) {
      if (!isCompensation) continue
      for (const key of ['needs', 'join', 'forEach', 'concurrency', 'onFailure'] as const) {
        if (document[key] === undefined) continue
        const text = `the task "${name}" runs on failure, when its turn comes, and cannot have ${key}`
        this.#report.add('compensation', ['tasks', name, key], text, 'key')
      }
    }
    const { length } = this.#drafts
    if (length > 0 && this.#drafts.every((draft) => draft.isCompensation))
      this.#report.add('compensation', ['tasks'], 'every task runs on failure only; none is left for the ordinary course', 'key')
  }

  #checkNeeds(): void {
    for (const { name, document } of this.#drafts) {
      for (const [position, need] of listOf(document.needs).entries()) {
        if (this.#drafts[this.#index.get(need) ?? -1]?.isCompensation !== true) continue
        const path = ['tasks', name, 'needs', ...(Array.isArray(document.needs) ? [position] : [])]
        this.#report.add('compensation', path, `the task "${need}" runs on failure only and cannot be needed`)
      }
    }
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
    const visible = this.#visibleFor(draft, index)
    const each = this.#forEach(document, path, visible)
    const inner: Visible = each === undefined ? visible : { ...visible, roots: new Map([...visible.roots, ...each.roots]) }
    const { approval, signal, sleep, timeout } = document
    const wait = typeof approval === 'object' ? approval : typeof signal === 'object' ? signal : undefined
    const waitPath = [...path, kind]
    const durationPath = sleep !== undefined ? waitPath : wait === undefined ? [...path, 'timeout'] : [...waitPath, 'deadline']
    const question =
      typeof approval === 'string' ? approval : (approval?.question ?? `May "${name}" of ${this.#document.name} go on?`)
    return {
      index,
      name,
      kind,
      target: draft.part?.name ?? (typeof signal === 'string' ? signal : (signal?.name ?? '')),
      input: document.with === undefined ? undefined : this.#with(draft, document.with, inner),
      needs: this.#order.needs[index] ?? [],
      dependents,
      join: document.join ?? 'all',
      condition: document.if === undefined ? undefined : this.#condition(document.if, [...path, 'if'], visible),
      forEach: each?.list,
      concurrency: document.concurrency ?? WORKFLOW_LIMITS.fanOut,
      retry: this.#retry(document, path),
      ...this.#duration(sleep ?? wait?.deadline ?? timeout, durationPath, inner),
      question:
        kind === 'approval'
          ? this.#template(question, typeof approval === 'string' ? waitPath : [...waitPath, 'question'], inner)
          : undefined,
      details:
        typeof approval === 'object' && approval.details !== undefined
          ? this.#template(approval.details, [...waitPath, 'details'], inner)
          : undefined,
      failure: document.failure ?? 'fail',
      onFailure: this.#indices(document.onFailure),
      isCompensation,
    }
  }

  /** Keys that say nothing for a task of its kind are mistakes, not decoration. */
  #checkKeys({ kind, document }: Draft, path: Path): void {
    const refuse = (key: string, why: string): void => this.#report.add('task-kind', [...path, key], `"${key}" ${why}`, 'key')
    const isCall = kind === 'tool' || kind === 'agent' || kind === 'workflow'
    for (const key of ['with', 'retry', 'timeout'] as const) {
      if (document[key] === undefined || isCall) continue
      refuse(
        key,
        `is for tools, agents and workflows, and this task is a ${kind}${kind === 'sleep' || key !== 'timeout' ? '' : '; it has a deadline'}`,
      )
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
    const list = this.#template(document.forEach, at, visible)
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
    const template = this.#template(value, path, visible, (at, type) => types.set(JSON.stringify(at), type))
    if (part?.input !== undefined) checkWith(part.input, value, path, types, part.name, this.#report)
    return template
  }

  #condition(text: string, path: Path, visible: Visible): Expression | undefined {
    if (text.includes('${{')) {
      this.#report.add('expression-syntax', path, 'a condition is an expression already: leave ${{ and }} out')
      return undefined
    }
    const expression = this.#expression(text, path, visible)
    const kind = expression?.type.kind ?? 'any'
    if (kind !== 'any' && kind !== 'bool')
      this.#report.add('expression-type', path, `a condition must be true or false, and this is ${kindText(kind)}`)
    return expression
  }

  #expression(text: string, path: Path, visible: Visible): Expression | undefined {
    const complain: Complain = (rule, message) => this.#report.add(rule, path, message)
    return this.#expressions.compile(text, contextOf(visible), complain)
  }

  #template(value: Json, path: Path, visible: Visible, note?: (at: Path, type: ValueType) => void): Template {
    try {
      return compileTemplate(value, path, (text, at) => {
        const expression = this.#expression(text, at, visible)
        if (expression !== undefined) note?.(at, expression.type)
        return expression
      })
    } catch (error) {
      if (!(error instanceof UnclosedError)) throw error
      this.#report.add('expression-syntax', path, error.message)
      return { constant: null }
    }
  }

  #duration(text: string | undefined, path: Path, visible: Visible): Pick<GraphTask, 'duration' | 'fixedMs'> {
    if (text === undefined) return { duration: undefined, fixedMs: undefined }
    const duration = this.#template(text, path, visible)
    if ('constant' in duration) return { duration, fixedMs: text.includes('${{') ? 0 : this.#durationMs(text, path) }
    const kind = duration.only?.type.kind ?? 'any'
    if (kind !== 'any' && kind !== 'string')
      this.#report.add('expression-type', path, `a duration is a text such as 90s, and this is ${kindText(kind)}`)
    return { duration, fixedMs: undefined }
  }

  #durationMs(text: string, path: Path): number {
    const ms = durationMs(text)
    if (ms === undefined)
      this.#report.add('duration', path, `${show(text)} is no duration from 0 to ten years; write 500ms, 90s, 1h30m, 2d or PT15M`)
    return ms ?? 0
  }

  #retry({ retry }: TaskDocument, path: Path): GraphRetry {
    if (typeof retry !== 'object') return { attempts: retry ?? 1, isGiven: retry !== undefined, baseMs: 1000, maxMs: 60_000 }
    const { attempts, backoff = '1s', maxBackoff = '1m' } = retry
    const at = (key: string): Path => [...path, 'retry', key]
    return {
      attempts,
      isGiven: true,
      baseMs: this.#durationMs(backoff, at('backoff')),
      maxMs: this.#durationMs(maxBackoff, at('maxBackoff')),
    }
  }

  #indices(names: TaskDocument['onFailure']): readonly number[] {
    return listOf(names)
      .map((name) => this.#index.get(name))
      .filter((index) => index !== undefined)
  }
}

function listOf(names: string | readonly string[] | undefined): readonly string[] {
  if (names === undefined) return []
  return typeof names === 'string' ? [names] : names
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
