import type { OperationOptions } from '../../core/index.ts'

/** @throws the signal's reason, if it has fired */
export function requireLive(options: OperationOptions | undefined): void {
  if (options?.signal?.aborted === true) throw options.signal.reason
}
