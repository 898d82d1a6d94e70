import { OpspawnError } from '../../core/index.ts'

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Reads `250ms`, `10s`, `5m`, `2h`, `1d`. @throws OpspawnError `OPTIONS_INVALID` */
export function parseDuration(what: string, text: string): number {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim()) ?? []
  const factor = UNITS[unit]
  if (amount === undefined || factor === undefined)
    throw new OpspawnError('OPTIONS_INVALID', `${what} must be a time such as 250ms, 10s, 5m, 2h or 1d, not "${text}"`)
  return Number(amount) * factor
}

/** A length of time for people: `12 ms`, `3.4 s`, `2 min 5 s`, `3 h 4 min`. */
export function showDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`
  const seconds = Math.round(ms / 1_000)
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ]
  const first = parts.findIndex(([amount]) => amount > 0)
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ')
}

/** A moment for people and for sorting: UTC, to the second. */
export function showTime(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')}Z`
}
