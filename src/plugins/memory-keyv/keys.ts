import { encodeLabel, sha256 } from '../../remembering/index.ts'

/** Longer ones are hashed: columns of some stores end at 255 characters, and a suffix must fit too. */
const MAX_KEY = 200

/**
 * A key that nothing else in the store has: the memory's name, what it is of, and of which one, encoded and joined by `:`, which
 * no encoded part has. Namespaces of Keyv have no share in it.
 */
export function keyOf(name: string, kind: 'scopes' | 'scope', what: string): string {
  const key = `opspawn:${encodeLabel(name.toWellFormed())}:${kind}:${what}`
  return key.length <= MAX_KEY ? key : `opspawn:#:${kind}:${sha256(key)}`
}
