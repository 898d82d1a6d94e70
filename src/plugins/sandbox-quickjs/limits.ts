import { OpspawnError } from '../../core/index.ts'

/** What code in a sandbox may use. Whole numbers above 0. */
export interface SandboxLimits {
  /** Units of work, each some 10,000 turns of a loop or calls of a function: the same code uses the same number on every machine. @default 3000 */
  readonly fuel: number
  /** Milliseconds of processor time in all; looked at with every unit of work. At most 60,000. @default 5000 */
  readonly cpuMs: number
  /** Milliseconds without coming to rest after which the thread is ended, whatever it does. At most 120,000. @default 10_000 */
  readonly wallMs: number
  /** Memory of the code, in MB of 2^20 bytes: 16 to 64. @default 32 */
  readonly memoryMb: number
  /** Characters of the code. At most 1,000,000. @default 65_536 */
  readonly sourceChars: number
  /** Calls in all. At most 1,000. @default 50 */
  readonly calls: number
  /** Characters of the JSON of one call's arguments. At most 1,000,000. @default 65_536 */
  readonly argumentChars: number
  /** Characters of the JSON of what is returned. At most 1,000,000. @default 262_144 */
  readonly resultChars: number
  /** Characters of what is written to the console; the rest is left out. At most 1,000,000. @default 16_384 */
  readonly consoleChars: number
}

/** What holds where nothing is given. */
export const SANDBOX_LIMITS: SandboxLimits = {
  fuel: 3000,
  cpuMs: 5000,
  wallMs: 10_000,
  memoryMb: 32,
  sourceChars: 65_536,
  calls: 50,
  argumentChars: 65_536,
  resultChars: 262_144,
  consoleChars: 16_384,
}

const MOST: SandboxLimits = {
  fuel: 1_000_000,
  cpuMs: 60_000,
  wallMs: 120_000,
  memoryMb: 64,
  sourceChars: 1_000_000,
  calls: 1000,
  argumentChars: 1_000_000,
  resultChars: 1_000_000,
  consoleChars: 1_000_000,
}

/** Fills in and checks limits. @throws OpspawnError `LIMIT_INVALID`, `OPTIONS_INVALID` */
export function sandboxLimits(given: Partial<SandboxLimits> = {}, base: SandboxLimits = SANDBOX_LIMITS): SandboxLimits {
  requireMembers('limits of a sandbox', given, Object.keys(MOST))
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    const least = name === 'memoryMb' ? 16 : 1
    const most = MOST[name as keyof SandboxLimits]
    if (Number.isSafeInteger(value) && value >= least && value <= most) continue
    const text = `limits of a sandbox: ${name} must be a whole number from ${least} to ${most}, not ${JSON.stringify(value) ?? typeof value}`
    throw new OpspawnError('LIMIT_INVALID', text, { details: { member: name } })
  }
  return { ...base, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) }
}

/** Checks that an object has no members but these. @throws OpspawnError `OPTIONS_INVALID` */
export function requireMembers(what: string, given: unknown, names: readonly string[]): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new OpspawnError('OPTIONS_INVALID', `${what} must be an object, not ${given === null ? 'null' : typeof given}`)
  const unknown = Object.keys(given).find((member) => !names.includes(member))
  if (unknown === undefined) return
  const text = `${what} cannot have a member "${unknown}"; there may be ${names.join(', ')}`
  throw new OpspawnError('OPTIONS_INVALID', text, { details: { member: unknown } })
}
