import { type Caller, type ErrorCode, OpspawnError } from '../../core/index.ts'
import { requireShape } from './shape.ts'
import { show } from './show.ts'

const MAX_ROLES = 100
const MAX_LENGTH = 256

/** Checks who is said to be behind a run, and copies it. @throws OpspawnError `code` */
export function requireCaller(where: string, caller: Caller, code: ErrorCode = 'OPTIONS_INVALID'): Caller {
  requireShape(`${where}, caller`, caller, { principal: 'text', roles: 'list?' }, code)
  const { principal, roles = [] } = caller
  const wrong = [principal, ...roles].find((text: unknown) => typeof text !== 'string' || text === '' || text.length > MAX_LENGTH)
  if (wrong !== undefined || roles.length > MAX_ROLES) {
    const what = wrong === undefined ? `${roles.length} roles` : show(wrong)
    const text = `${where}, caller: principal and roles are texts of 1 to ${MAX_LENGTH} characters, at most ${MAX_ROLES} roles; not ${what}`
    throw new OpspawnError(code, text)
  }
  return caller.roles === undefined ? { principal } : { principal, roles: [...roles] }
}
