import type { Caller } from '../../core/index.ts'
import type { Call } from './command.ts'
import { usageError } from './report-error.ts'

/** Who is behind a call, by `--as` and `--role`. @throws OpspawnError `OPTIONS_INVALID` for roles of nobody */
export function callerOf({ options }: Call): Caller | undefined {
  const principal = options.text('as')
  const roles = options.list('role')
  if (principal !== undefined) return roles.length === 0 ? { principal } : { principal, roles }
  if (roles.length === 0) return undefined
  throw usageError('--role needs --as: whose role is it?', 'a role belongs to a principal')
}
