/**
 * Makes data that is handed out unchangeable, with all that it holds: the same objects may be a store's history. What is
 * frozen already is not walked again: asking whether it can still grow costs a tenth of asking whether it is frozen.
 */
export function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && Object.isExtensible(value)) freeze(value)
  return value
}

/** Lists and objects apart, without a list of the members: every message of every prompt comes this way. */
function freeze(value: object): void {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) frozen(value[index])
  } else {
    for (const key in value) frozen((value as Record<string, unknown>)[key])
  }
  Object.freeze(value)
}
