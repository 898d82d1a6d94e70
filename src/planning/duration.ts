/** The longest duration: ten years of 365 days. */
const LONGEST_MS = 315_360_000_000

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** Reads `500ms`, `90s`, `1h30m`, `2d`, `PT15M` as milliseconds; gives `undefined` for anything else, and past ten years. */
export function durationMs(text: string): number | undefined {
  if (text.length > 100) return undefined
  const ms = text.startsWith('P') ? isoMs(text) : shortMs(text)
  return ms === undefined || ms > LONGEST_MS ? undefined : Math.round(ms)
}

function shortMs(text: string): number | undefined {
  let sum = 0
  let end = 0
  for (const match of text.matchAll(/(\d{1,15}(?:\.\d{1,6})?)(ms|s|m|h|d|w)/gy)) {
    sum += Number(match[1]) * (UNITS[match[2] ?? ''] ?? 0)
    end += match[0].length
  }
  return end === text.length && end > 0 ? sum : undefined
}

function isoMs(text: string): number | undefined {
  const match = /^P(?:(\d{1,9})W)?(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,6})?)S)?)?$/.exec(text)
  if (match === null || text.endsWith('P') || text.endsWith('T')) return undefined
  const units = ['w', 'd', 'h', 'm', 's']
  return units.reduce((sum, unit, index) => sum + Number(match[index + 1] ?? 0) * (UNITS[unit] ?? 0), 0)
}
