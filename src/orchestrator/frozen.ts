/**
 * Makes data that is handed out unchangeable, with all that it holds: the same objects may be a store's history. What is
 * frozen already is not walked again: asking whether it can still grow costs a tenth of asking whether it is frozen.
 */
export function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && Object.isExtensible(value)) {
    Object.freeze(value)
    // Without a list of the members: every message of every prompt comes this way.
    for (const key in value) frozen(value[key])
  }
  return value
}
