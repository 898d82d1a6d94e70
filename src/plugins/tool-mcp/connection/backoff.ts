const FIRST_MS = 500
const LONGEST_MS = 60_000
/** So many attempts in a row before a server is left alone until somebody asks for it. */
export const MAX_ATTEMPTS = 8

/** Milliseconds before the attempt after `attempts` bad ones: doubled each time, with a half that is left to chance. */
export function backoffMs(attempts: number, random: () => number): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.max(0, attempts - 1))
  return Math.round(full / 2 + (full / 2) * random())
}
