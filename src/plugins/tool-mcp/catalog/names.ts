import { createHash } from 'node:crypto'

/** Longest name that all providers take. */
const MOST = 64
const HASHED = 8

/**
 * The name under which a model sees a tool: `server__tool`, letters, digits, `_` and `-`, at most 64 characters. A longer one is
 * cut and ends in a hash of both names, so it is the same at every start.
 */
export function qualifiedName(server: string, tool: string): string {
  const plain = `${safe(server)}__${safe(tool)}`.replace(/^-/, '_')
  if (plain.length <= MOST) return plain
  const hash = createHash('sha256').update(`${server}\n${tool}`).digest('hex').slice(0, HASHED)
  return `${plain.slice(0, MOST - HASHED - 1)}_${hash}`
}

function safe(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9_-]/g, '_')
}
