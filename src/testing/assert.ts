import { OpspawnError, canonicalJson, toJson, type ErrorCode } from '../core/index.ts'

/** Throws when a condition does not hold. The text says what should be the case. */
export function assert(condition: boolean, text: string): asserts condition {
  if (!condition) throw new Error(text)
}

/** Compares two values as JSON data, whatever the order of their keys. */
export function assertEqual(actual: unknown, expected: unknown, what: string): void {
  const [found, wanted] = [toText(actual), toText(expected)]
  assert(found === wanted, `${what}: expected ${wanted}, found ${found}`)
}

/** Asserts that a promise rejects with an `OpspawnError` of one of the codes; gives the error. */
export async function assertRejects(
  promise: Promise<unknown>,
  codes: ErrorCode | readonly ErrorCode[],
  what: string,
): Promise<OpspawnError> {
  const wanted = typeof codes === 'string' ? [codes] : codes
  const thrown = await rejection(promise, `${what}: expected ${wanted.join(' or ')}`)
  assert(
    OpspawnError.is(thrown) && wanted.includes(thrown.code),
    `${what}: expected ${wanted.join(' or ')}, found ${thrown instanceof Error ? `${'code' in thrown ? String(thrown.code) : thrown.name}: ${thrown.message}` : String(thrown)}`,
  )
  return thrown
}

/** Asserts that a promise rejects with this very value, such as the reason of an abort. */
export async function assertRejectsWith(promise: Promise<unknown>, reason: unknown, what: string): Promise<void> {
  const thrown = await rejection(promise, `${what}: expected a rejection`)
  assert(thrown === reason, `${what}: expected the signal's own reason, found ${String(thrown)}`)
}

async function rejection(promise: Promise<unknown>, expectation: string): Promise<unknown> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    return error
  }
  throw new Error(`${expectation}, but it resolved with ${toText(value)}`)
}

function toText(value: unknown): string {
  return value === undefined ? 'undefined' : canonicalJson(toJson(value))
}
