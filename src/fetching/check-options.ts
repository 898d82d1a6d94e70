import { type ErrorCode, OpspawnError } from '../core/index.ts'

/** What a member of some options must be, and the test of it; any member may be absent. */
export interface OptionRule {
  readonly must: string
  readonly fits: (value: unknown) => boolean
  /** @default 'OPTIONS_INVALID' */
  readonly code?: ErrorCode
}

/** The rules that several parts need. */
export const TEXT: OptionRule = { must: 'a text', fits: (value) => typeof value === 'string' }
export const LIST: OptionRule = { must: 'a list', fits: Array.isArray }
export const OBJECT: OptionRule = {
  must: 'an object',
  fits: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
}
export const WHOLE: OptionRule = {
  must: 'a whole number above 0',
  fits: (value) => Number.isSafeInteger(value) && (value as number) > 0,
  code: 'LIMIT_INVALID',
}
export const LIMIT: OptionRule = {
  ...WHOLE,
  must: 'a whole number above 0 or Infinity',
  fits: (value) => value === Infinity || WHOLE.fits(value),
}

/** One of some texts. */
export function oneOf(...texts: readonly string[]): OptionRule {
  return { must: texts.map((text) => `'${text}'`).join(' or '), fits: (value) => texts.includes(value as string) }
}

/**
 * Checks members against rules. No value is shown: it may be a secret.
 *
 * @param where name of what was called, for the message.
 * @throws OpspawnError `OPTIONS_INVALID`, or the code of the rule that does not hold.
 */
export function checkOptions(where: string, options: unknown, rules: Readonly<Record<string, OptionRule>>): void {
  if (!OBJECT.fits(options)) throw new OpspawnError('OPTIONS_INVALID', `${where} must be an object`)
  for (const [member, value] of Object.entries(options as object)) {
    const rule = Object.hasOwn(rules, member) ? rules[member] : undefined
    if (rule === undefined) {
      const text = `${where} has no member ${JSON.stringify(member)}; it may have ${Object.keys(rules).join(', ')}`
      throw new OpspawnError('OPTIONS_INVALID', text, { details: { member } })
    }
    if (value !== undefined && !rule.fits(value)) {
      throw new OpspawnError(rule.code ?? 'OPTIONS_INVALID', `${where}: ${member} must be ${rule.must}`, { details: { member } })
    }
  }
}
