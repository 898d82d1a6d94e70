import { type Gate, OpspawnError } from '../../core/index.ts'
import { requireShape, type Shape } from './shape.ts'
import { show } from './show.ts'

const GATE: Shape = { by: 'text', concurrency: 'whole?', rate: 'object?' }
const RATE: Shape = { runs: 'whole', perMs: 'whole' }
const KINDS: readonly string[] = ['agent', 'tenant', 'session']
/** Runs of a concurrency or a rate. */
const MAX_RUNS = 10_000
/** Span of a rate in milliseconds: a day. */
const MAX_SPAN_MS = 86_400_000

/** Checks the gates of an agent. @throws OpspawnError `AGENT_INVALID`, `LIMIT_INVALID` */
export function requireGates(where: string, gates: readonly Gate[] | undefined): void {
  const seen = new Set<string>()
  for (const [index, gate] of (gates ?? []).entries()) {
    const at = `${where}, gates[${index}]`
    requireShape(at, gate, GATE, 'AGENT_INVALID')
    const { by, concurrency, rate } = gate
    if (!KINDS.includes(by)) throw new OpspawnError('AGENT_INVALID', `${at}: by is ${show(by)}; give one of ${KINDS.join(', ')}`)
    if (seen.has(by)) throw new OpspawnError('AGENT_INVALID', `${at}: there is one by ${by} already; give both bounds in one`)
    seen.add(by)
    if (concurrency === undefined && rate === undefined)
      throw new OpspawnError('AGENT_INVALID', `${at} bounds nothing; give concurrency, rate, or both`)
    if (rate !== undefined) requireShape(`${at}, rate`, rate, RATE, 'AGENT_INVALID')
    requireAtMost(at, 'concurrency', concurrency, MAX_RUNS)
    requireAtMost(at, 'rate.runs', rate?.runs, MAX_RUNS)
    requireAtMost(at, 'rate.perMs', rate?.perMs, MAX_SPAN_MS)
  }
}

function requireAtMost(where: string, name: string, value: number | undefined, most: number): void {
  if (value === undefined || value <= most) return
  throw new OpspawnError('LIMIT_INVALID', `${where}: ${name} is ${value}; it may be at most ${most}`, { details: { name, most } })
}
