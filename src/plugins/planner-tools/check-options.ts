import { OpspawnError } from '../../core/index.ts'
import type { ToolsPlannerOptions } from './options.ts'

/** What a member must be, and the test of it; any of them may be absent. */
interface Rule {
  readonly must: string
  readonly fits: (value: unknown) => boolean
}

const TEXT: Rule = { must: 'a text', fits: (value) => typeof value === 'string' }
const FLAG: Rule = { must: 'true or false', fits: (value) => typeof value === 'boolean' }
const OBJECT: Rule = {
  must: 'an object',
  fits: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
}
const RULES: Readonly<Record<keyof ToolsPlannerOptions, Rule>> = {
  model: TEXT,
  sessionTranscript: TEXT,
  allowCutAnswer: FLAG,
  texts: OBJECT,
}

/** Checks what the planner was given. @throws OpspawnError `OPTIONS_INVALID` */
export function checkOptions(options: ToolsPlannerOptions): void {
  if (!OBJECT.fits(options)) throw new OpspawnError('OPTIONS_INVALID', `toolsPlanner must be an object, not ${show(options)}`)
  const names = Object.keys(RULES)
  const unknown = Object.keys(options).find((member) => !names.includes(member))
  if (unknown !== undefined) {
    const text = `toolsPlanner has no member ${show(unknown)}; it may have ${names.join(', ')}`
    throw new OpspawnError('OPTIONS_INVALID', text, { details: { member: unknown } })
  }
  for (const [member, { must, fits }] of Object.entries(RULES)) {
    const value = options[member as keyof ToolsPlannerOptions]
    if (value === undefined || fits(value)) continue
    throw new OpspawnError('OPTIONS_INVALID', `toolsPlanner: ${member} must be ${must}, not ${show(value)}`, {
      details: { member },
    })
  }
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
