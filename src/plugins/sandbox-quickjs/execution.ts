import {
  callEffect,
  canonicalJson,
  type Effect,
  type Json,
  type OfferedTool,
  OpspawnError,
  type RunView,
} from '../../core/index.ts'
import type { SandboxLimits } from './limits.ts'
import type { Sandbox, SandboxAnswer, SandboxCall, SandboxResult, SandboxSession } from './port.ts'

/** What the planner keeps in the history: what `Date` says in the script. */
export type ScriptState = { readonly now: number }

/** A script over a view: suspended at what is open, and gone on with when it settles. */
export class ScriptExecution {
  readonly #view: RunView
  readonly #session: SandboxSession
  readonly #tools: ReadonlyMap<string, OfferedTool>
  /** Ids of the calls by the keys of their effects. */
  readonly #ids = new Map<string, number>()
  readonly #counts = new Map<string, number>()
  #asked: Effect[] = []
  #fed = 0
  end: SandboxResult | undefined
  /** What the script did that the history does not tell. */
  fault: OpspawnError | undefined

  private constructor(view: RunView, session: SandboxSession, tools: ReadonlyMap<string, OfferedTool>) {
    this.#view = view
    this.#session = session
    this.#tools = tools
  }

  /** Begins a script, and lets it come to rest. */
  static async open(sandbox: Sandbox, limits: SandboxLimits, view: RunView): Promise<ScriptExecution> {
    const { code } = view.input as { readonly code: string }
    const tools = scriptTools(view)
    const names = [...tools.keys()].toSorted()
    const { now } = (view.state as ScriptState | undefined) ?? view
    const task = { code, names, limits, tenant: view.tenant, seed: view.id, now, replayable: true }
    const made = new ScriptExecution(view, await sandbox.open(task), tools)
    await made.#step([])
    return made
  }

  /** Whether it can be gone on with where it is. */
  get isLive(): boolean {
    return this.#session.isOpen || this.end !== undefined || this.fault !== undefined
  }

  /** Hands in what has settled since, up to a number of effects in all, in the order of the history. */
  async feed(upTo: number): Promise<void> {
    const { settled } = this.#view
    while (this.#fed < upTo && this.end === undefined && this.fault === undefined) {
      const answers: SandboxAnswer[] = []
      for (let record = settled[this.#fed]; record?.outcome !== undefined && this.#fed < upTo; record = settled[this.#fed]) {
        const id = this.#ids.get(record.effect.key)
        if (id === undefined) break
        answers.push({ id, outcome: record.outcome })
        this.#fed += 1
      }
      if (answers.length === 0) this.fault = unasked(settled[this.#fed]?.effect as Effect)
      else await this.#step(answers)
    }
    if (this.fault !== undefined) this.close()
  }

  /** After a replay: what the history has and the script did not ask for. */
  checkAll(): void {
    if (this.end !== undefined || this.fault !== undefined) return
    for (const { effect } of this.#view.effects.values()) if (!this.#ids.has(effect.key)) this.fault ??= unasked(effect)
    if (this.fault !== undefined) this.close()
  }

  /** Takes what is to be asked for, at most so much. */
  take(most: number): readonly Effect[] {
    return this.#asked.splice(0, most)
  }

  close(): void {
    this.#session[Symbol.dispose]()
  }

  async #step(answers: readonly SandboxAnswer[]): Promise<void> {
    const { calls, end } = await this.#session.step(answers)
    for (const call of calls) this.#ask(call)
    this.end = end
  }

  #ask({ id, name, input }: SandboxCall): void {
    const tool = this.#tools.get(name) as OfferedTool
    const count = (this.#counts.get(tool.name) ?? 0) + 1
    this.#counts.set(tool.name, count)
    const effect = callEffect(count === 1 ? tool.name : `${tool.name}#${count}`, tool, input)
    this.#ids.set(effect.key, id)
    const recorded = this.#view.effects.get(effect.key)?.effect
    if (recorded === undefined) this.#asked.push(effect)
    else if (canonicalJson(recorded as unknown as Json) !== canonicalJson(effect as unknown as Json))
      this.fault ??= mismatch(recorded, effect)
  }
}

/** What a script may call, by the names in its `tools`: what is on offer, and what it has called before. */
function scriptTools(view: RunView): ReadonlyMap<string, OfferedTool> {
  const tools = new Map<string, OfferedTool>()
  for (const tool of view.tools) if (tool.delegate?.handoff !== true) tools.set(tool.alias, tool)
  for (const { effect } of view.effects.values()) {
    if (effect.kind !== 'tool' || tools.has(effect.tool.replaceAll('.', '_'))) continue
    const alias = effect.tool.replaceAll('.', '_')
    tools.set(alias, { name: effect.tool, alias, description: '', inputSchema: {}, effect: 'unsafe', labels: [] })
  }
  return tools
}

const HINT = 'The sandbox runs a script alike each time on the same engine; was its package changed while the run was under way?'

function mismatch(recorded: Effect, asked: Effect): OpspawnError {
  const text = `the script asks for something else than the history holds under "${asked.key}": recorded ${show(recorded)}, asked for ${show(asked)}. ${HINT}`
  return new OpspawnError('PLANNER_FAILED', text, { details: { key: asked.key } })
}

function unasked(recorded: Effect): OpspawnError {
  const text = `the history holds ${show(recorded)}, and the script did not ask for it when it was replayed. ${HINT}`
  return new OpspawnError('PLANNER_FAILED', text, { details: { key: recorded.key } })
}

function show(effect: Effect): string {
  const text = JSON.stringify(effect)
  return text.length > 300 ? `${text.slice(0, 297)}...` : text
}
