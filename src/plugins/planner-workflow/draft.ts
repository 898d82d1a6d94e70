import type { Agent, Tool } from '../../core/index.ts'
import type { TaskDocument, TaskKind, WorkflowDocument } from './document.ts'
import type { KnownPart } from './offer.ts'
import type { Path, Report } from './problem.ts'

/** A task of a document while it is made ready. */
export interface Draft {
  readonly name: string
  readonly kind: TaskKind
  readonly document: TaskDocument
  readonly part: KnownPart<Tool | Agent> | undefined
  /** It runs on failure alone. */
  isCompensation: boolean
}

/** One name or several. */
export function listOf(names: string | readonly string[] | undefined): readonly string[] {
  if (names === undefined) return []
  return typeof names === 'string' ? [names] : names
}

/** Tasks that others name under `onFailure` take no part in the ordinary course: marks them, and reports what does not go with it. */
export function markCompensations(document: WorkflowDocument, drafts: readonly Draft[], report: Report): void {
  const byName = new Map(drafts.map((draft) => [draft.name, draft]))
  const owners = new Map<string, string>()
  const take = (names: TaskDocument['onFailure'], owner: string, path: Path): void => {
    for (const [position, name] of listOf(names).entries()) {
      const at = Array.isArray(names) ? [...path, position] : path
      const problem = claim(name, owner, byName, owners)
      if (problem !== undefined) report.add('compensation', at, problem)
    }
  }
  for (const draft of drafts) take(draft.document.onFailure, `"${draft.name}"`, ['tasks', draft.name, 'onFailure'])
  take(document.onFailure, 'the workflow', ['onFailure'])
  for (const draft of drafts) {
    if (draft.isCompensation) checkKeys(draft, report)
    checkNeeds(draft, byName, report)
  }
  if (drafts.length > 0 && drafts.every((draft) => draft.isCompensation))
    report.add('compensation', ['tasks'], 'every task runs on failure only; none is left for the ordinary course', 'key')
}

function claim(name: string, owner: string, byName: ReadonlyMap<string, Draft>, owners: Map<string, string>): string | undefined {
  const draft = byName.get(name)
  const other = owners.get(name)
  if (draft === undefined) return `there is no task ${JSON.stringify(name)} to run on failure`
  if (other !== undefined) return `the task "${name}" is run on failure of ${other} already; each has its own`
  owners.set(name, owner)
  draft.isCompensation = true
  return undefined
}

function checkKeys({ name, document }: Draft, report: Report): void {
  for (const key of ['needs', 'join', 'forEach', 'concurrency', 'onFailure'] as const) {
    if (document[key] === undefined) continue
    const text = `the task "${name}" runs on failure, when its turn comes, and cannot have ${key}`
    report.add('compensation', ['tasks', name, key], text, 'key')
  }
}

function checkNeeds({ name, document: { needs } }: Draft, byName: ReadonlyMap<string, Draft>, report: Report): void {
  for (const [position, need] of listOf(needs).entries()) {
    if (byName.get(need)?.isCompensation !== true) continue
    const path = ['tasks', name, 'needs', ...(Array.isArray(needs) ? [position] : [])]
    report.add('compensation', path, `the task "${need}" runs on failure only and cannot be needed`)
  }
}
