import { OpspawnError } from '../../core/index.ts'
import { show } from './show.ts'

/** Names of agents, tools, models and memories. Dots group (`web.search`); models are shown `_` in their place. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/

/** Checks a name. @throws OpspawnError `NAME_INVALID` */
export function requireName(kind: string, name: unknown): asserts name is string {
  if (typeof name === 'string' && NAME.test(name) && name !== '__proto__') return
  const rule = 'must be 1 to 64 letters, digits, "_", "-" or ".", starting with a letter, digit or "_"'
  throw new OpspawnError('NAME_INVALID', `${kind} name ${show(name)} ${rule}`)
}
