import { OpspawnError } from '../../core/index.ts'
import type { ReactPlannerOptions } from './options.ts'

/** What a member must be, and the test of it; any of them may be absent. */
interface Rule {
  readonly must: string
  readonly fits: (value: unknown) => boolean
  /** @default 'OPTIONS_INVALID' */
  readonly code?: 'LIMIT_INVALID'
}

const TEXT: Rule = { must: 'a text', fits: (value) => typeof value === 'string' }
const FLAG: Rule = { must: 'true or false', fits: (value) => typeof value === 'boolean' }
const LIST: Rule = { must: 'a list', fits: Array.isArray }
const OBJECT: Rule = {
  must: 'an object',
  fits: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
}
const ABOVE_0: Rule = {
  must: 'a number above 0',
  fits: (value) => typeof value === 'number' && value > 0,
  code: 'LIMIT_INVALID',
}
const RULES: Readonly<Record<keyof ReactPlannerOptions, Rule>> = {
  model: TEXT,
  observationLimit: ABOVE_0,
  stopSequences: LIST,
  settings: OBJECT,
  allowCutAnswer: FLAG,
  texts: OBJECT,
}

/** Checks what the planner was given. @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID` */
export function checkOptions(options: ReactPlannerOptions): void {
  if (!OBJECT.fits(options)) throw new OpspawnError('OPTIONS_INVALID', `reactPlanner must be an object, not ${show(options)}`)
  const names = Object.keys(RULES)
  const unknown = Object.keys(options).find((member) => !names.includes(member))
  if (unknown !== undefined) {
    const text = `reactPlanner has no member ${show(unknown)}; it may have ${names.join(', ')}`
    throw new OpspawnError('OPTIONS_INVALID', text, { details: { member: unknown } })
  }
  for (const [member, { must, fits, code = 'OPTIONS_INVALID' }] of Object.entries(RULES)) {
    const value = options[member as keyof ReactPlannerOptions]
    if (value === undefined || fits(value)) continue
    throw new OpspawnError(code, `reactPlanner: ${member} must be ${must}, not ${show(value)}`, { details: { member } })
  }
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
