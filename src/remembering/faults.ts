import { OpspawnError, type JsonObject } from '../core/index.ts'

/** What a caller gave cannot be used; `where` is the path to it, such as `entries/2/kind`. */
export function inputInvalid(where: string, problem: string): OpspawnError {
  return new OpspawnError('MEMORY_INPUT_INVALID', `${where} ${problem}`, { details: { where } })
}

/** Why a memory could not do what it was asked; programs tell them apart by `details.reason`. */
export type FailureReason = 'closed' | 'write' | 'read' | 'erase-incomplete' | 'vector' | 'changed-outside'

/** A memory's own failure. Trying again may help, unless it is closed or something else writes to its storage. */
export function memoryFailed(reason: FailureReason, text: string, cause?: unknown, more: JsonObject = {}): OpspawnError {
  const retryable = reason !== 'closed' && reason !== 'changed-outside'
  return new OpspawnError('MEMORY_FAILED', text, { cause, retryable, details: { reason, ...more } })
}

/** What calls of a closed memory are told. */
export function memoryClosed(name: string): OpspawnError {
  return memoryFailed('closed', `memory "${name}" is closed`)
}

/** What the factory of a memory was given cannot be used. */
export function optionsInvalid(factory: string, problem: string): OpspawnError {
  return new OpspawnError('OPTIONS_INVALID', `${factory}: ${problem}`)
}

/** A value as messages show it: its type where the value itself could be long or private. */
export function found(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined || value === null) return String(value)
  if (typeof value === 'string') return value.length <= 40 ? JSON.stringify(value) : `a text of ${value.length} characters`
  return Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`
}

/** The same of what somebody may want to remember: never a text itself. */
export function foundIn(value: unknown): string {
  return typeof value === 'string' ? `a text of ${value.length} characters` : found(value)
}

/** Whether a value is an object with members: no list, not null. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
