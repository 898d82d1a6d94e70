import { createHash } from 'node:crypto'
import { optionsInvalid } from '../faults.ts'

/** Longest name that all providers take. */
const MOST = 64
const HASHED = 8
/** Names of servers that would be mistaken for something of ours. */
const RESERVED: ReadonlySet<string> = new Set(['mcp', 'opspawn', 'transfer_to'])

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

/** @throws OpspawnError `OPTIONS_INVALID` for a name that no server may have */
export function requireServerName(server: string): void {
  if (!/^[^\s\p{Cc}\p{Cf}]{1,128}$/u.test(server))
    throw optionsInvalid(`MCP server ${JSON.stringify(server)}: its name must be 1 to 128 characters without blanks`)
  if (RESERVED.has(safe(server).toLowerCase()))
    throw optionsInvalid(`MCP server "${server}": the name is reserved; give it another one`)
}

function safe(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9_-]/g, '_')
}
