import { type ErrorCode, type Failure, OpspawnError, toFailure } from '../../core/index.ts'
import type { Fault, FaultReason } from './message.ts'

const CODES: Readonly<Partial<Record<FaultReason, ErrorCode>>> = {
  source: 'PAYLOAD_TOO_LARGE',
  result: 'PAYLOAD_TOO_LARGE',
  fuel: 'TOOL_TIMEOUT',
  cpu: 'TOOL_TIMEOUT',
  wall: 'TOOL_TIMEOUT',
}

/** What a fault of code is to the outside. Never worth trying again: the same code would do the same. */
export function failureOf({ message, ...details }: Fault): Failure {
  const code = CODES[details.reason] ?? 'TOOL_FAILED'
  return toFailure(new OpspawnError(code, message, { details, retryable: false }), code)
}
