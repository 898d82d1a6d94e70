import { type ErrorCode, OpspawnError } from '../core/index.ts'

/** What a member of a planner's options must be, and the test of it; any member may be absent. */
export interface OptionRule {
  readonly must: string
  readonly fits: (value: unknown) => boolean
  /** @default 'OPTIONS_INVALID' */
  readonly code?: ErrorCode
}

/** The rules that planners need. */
export const TEXT: OptionRule = { must: 'a text', fits: (value) => typeof value === 'string' }
export const FLAG: OptionRule = { must: 'true or false', fits: (value) => typeof value === 'boolean' }
export const LIST: OptionRule = { must: 'a list', fits: Array.isArray }
export const OBJECT: OptionRule = {
  must: 'an object',
  fits: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
}
export const ABOVE_0: OptionRule = {
  must: 'a number above 0',
  fits: (value) => typeof value === 'number' && value > 0,
  code: 'LIMIT_INVALID',
}
export const WHOLE: OptionRule = {
  must: 'a whole number above 0',
  fits: (value) => Number.isSafeInteger(value) && (value as number) > 0,
  code: 'LIMIT_INVALID',
}
export const COUNT: OptionRule = {
  must: 'a whole number, 0 or more',
  fits: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  code: 'LIMIT_INVALID',
}

/** One of some texts. */
export function oneOf(...texts: readonly string[]): OptionRule {
  const must = texts.map((text) => `'${text}'`).join(' or ')
  return { must, fits: (value) => texts.includes(value as string) }
}

/**
 * Checks what a planner was given.
 *
 * @param planner name of the function that was called, for the message.
 * @throws OpspawnError `OPTIONS_INVALID`, or the code of the rule that does not hold.
 */
export function checkOptions<Options extends object>(
  planner: string,
  options: Options,
  rules: Readonly<Record<keyof Options & string, OptionRule>>,
): void {
  if (!OBJECT.fits(options)) throw new OpspawnError('OPTIONS_INVALID', `${planner} must be an object, not ${show(options)}`)
  const names = Object.keys(rules)
  const unknown = Object.keys(options).find((member) => !names.includes(member))
  if (unknown !== undefined) {
    const text = `${planner} has no member ${show(unknown)}; it may have ${names.join(', ')}`
    throw new OpspawnError('OPTIONS_INVALID', text, { details: { member: unknown } })
  }
  for (const [member, { must, fits, code = 'OPTIONS_INVALID' }] of Object.entries<OptionRule>(rules)) {
    const value = options[member as keyof Options]
    if (value === undefined || fits(value)) continue
    throw new OpspawnError(code, `${planner}: ${member} must be ${must}, not ${show(value)}`, { details: { member } })
  }
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
