import { errorInfo, OpspawnError } from 'opspawn'

/** The answer to a request that failed: errors of opspawn know their HTTP status; others do not tell their inside. */
export function httpError(error: unknown): { readonly status: number; readonly body: { code: string; message: string } } {
  if (OpspawnError.is(error)) return { status: errorInfo(error.code).http, body: { code: error.code, message: error.message } }
  // What web frameworks throw for a bad request, such as a body that is not JSON.
  const { statusCode, message } = error as { statusCode?: unknown; message?: unknown }
  if (typeof statusCode === 'number' && statusCode < 500)
    return { status: statusCode, body: { code: 'INPUT_INVALID', message: String(message) } }
  return { status: 500, body: { code: 'INTERNAL', message: 'the service could not answer' } }
}
