import type { Decision, Json, MemoryEntry, RunView } from '../../core/index.ts'
import { act } from '../decision.ts'
import { KEYS, answerId, inputId, isMemoryStep } from './keys.ts'
import type { MemorySettings } from './options.ts'

/**
 * Keeps what was said in a run: the input and the output, as messages. An output that takes the place of a refused one
 * supersedes what was kept of that.
 */
export function rememberTurn(run: RunView, { name }: MemorySettings, output: Json): Decision | undefined {
  const refused = run.rejected.length
  const { written, tried } = before(run, refused)
  const told = { kind: 'message', occurredAt: run.now, source: { run: run.id, agent: run.agent } } as const
  const question = asText(run.input)
  const answer = asText(output)
  const entries: MemoryEntry[] = []
  if (question.trim() !== '' && !written.some(({ role }) => role === 'user')) {
    // What may have been written all the same is written again as it was.
    const again = tried.find(({ role }) => role === 'user')
    entries.push(again ?? { ...told, id: inputId(run.id), role: 'user', text: question })
  }
  if (answer.trim() !== '') {
    const id = written.findLast(({ role }) => role === 'assistant')?.id
    const supersedes = id === undefined ? undefined : { supersedes: id }
    entries.push({ ...told, id: answerId(run.id, refused), role: 'assistant', text: answer, ...supersedes })
  }
  if (entries.length === 0) return undefined
  return act({ kind: 'remember', key: `${KEYS.turn}${refused}`, ...(name === undefined ? undefined : { memory: name }), entries })
}

/** What was kept with the answers that were refused: what the memory has, and all that it was given. */
function before(run: RunView, refused: number): Readonly<Record<'written' | 'tried', readonly MemoryEntry[]>> {
  const turns = Array.from({ length: refused }, (_, index) => run.effects.get(`${KEYS.turn}${index}`))
  const entriesOf = (records: typeof turns): readonly MemoryEntry[] =>
    records.flatMap((record) => (record?.effect.kind === 'remember' ? record.effect.entries : []))
  return { written: entriesOf(turns.filter((record) => record?.outcome?.status === 'completed')), tried: entriesOf(turns) }
}

function asText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/**
 * The run as it was before it kept what was said: the planners of this room finish after a decision that asked for one
 * effect, so that the last effect of their own is that one.
 */
export function beforeTurn(run: RunView): RunView {
  const settled = run.settled.slice(0, run.settled.findLastIndex((record) => !isMemoryStep(record)) + 1)
  return { ...run, settled, latest: settled.slice(-1) }
}
