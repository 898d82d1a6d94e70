import { type ErrorCode, type Json, OpspawnError } from '../../core/index.ts'

/** A wrong option. */
export function optionsInvalid(text: string, details?: Json): OpspawnError {
  return new OpspawnError('OPTIONS_INVALID', text, details === undefined ? {} : { details })
}

/** A call that was not made, or failed, in words that a model can act upon. */
export function toolFault(code: ErrorCode, text: string, details?: Json, cause?: unknown): OpspawnError {
  return new OpspawnError(code, text, { ...(details === undefined ? undefined : { details }), cause })
}

/** Whether a value is an object that is no list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
