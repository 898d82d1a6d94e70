import { join } from 'node:path'
import { OpspawnError, type Json, type JsonObject } from '../../../core/index.ts'
import { isObject } from './field-reader.ts'

/**
 * Turns an `mcp_servers.yaml` of the former MCP host into the form that {@link parseMcpServers} reads. `script_path` stands
 * before `args`, below `mcp_server_base_path`; `${VAR}` for a whole value becomes `${env:VAR}`. `database_url` belonged to that
 * host, and is left out. What is wrong with the servers themselves is said by the reading of the result.
 *
 * @throws OpspawnError `OPTIONS_INVALID` when it is not YAML, or has a member that the form does not have
 */
export async function fromYamlServers(text: string): Promise<JsonObject> {
  const { parse } = await import('yaml')
  let document: unknown
  try {
    document = parse(text, { maxAliasCount: 0 })
  } catch (error) {
    throw new OpspawnError('OPTIONS_INVALID', `mcp_servers.yaml is not YAML: ${(error as Error).message}`, { cause: error })
  }
  if (!isObject(document) || !isObject(document['servers'])) throw wrong('"servers" is missing or not a map')
  only(document, ['mcp_server_base_path', 'mcp_call_tool_timeout_seconds', 'database_url', 'servers'], '')
  const { mcp_server_base_path: base, mcp_call_tool_timeout_seconds: seconds = 30 } = document
  if (base !== undefined && typeof base !== 'string') throw wrong('mcp_server_base_path is not a text')
  if (typeof seconds !== 'number') throw wrong('mcp_call_tool_timeout_seconds is not a number')
  const limits = { callTimeoutMs: Math.ceil(seconds * 1_000) }
  const servers = Object.entries(document['servers']).map(([name, entry]) => [name, { ...serverIn(name, entry, base), limits }])
  return { mcpServers: Object.fromEntries(servers) as JsonObject }
}

function serverIn(name: string, entry: unknown, base: string | undefined): JsonObject {
  if (!isObject(entry)) throw wrong(`servers.${name} is not a map`)
  only(entry, ['enabled', 'command', 'script_path', 'args', 'env'], `servers.${name}.`)
  const { enabled, command, script_path: script, args = [], env = {} } = entry
  if (!Array.isArray(args) || !isObject(env)) throw wrong(`servers.${name}: "args" is not a list, or "env" not a map`)
  if (script !== undefined && typeof script !== 'string') throw wrong(`servers.${name}.script_path is not a text`)
  const path = script === undefined ? [] : [base === undefined ? script : join(base, script)]
  return {
    ...(enabled !== undefined && { enabled: enabled as Json }),
    command: command as Json,
    args: [...path, ...args.map(translated)],
    env: Object.fromEntries(Object.entries(env).map(([key, value]) => [key, translated(value)])),
  }
}

function translated(value: unknown): Json {
  return typeof value === 'string' ? value.replace(/^\$\{(\w+)\}$/, '${env:$1}') : (value as Json)
}

function only(from: object, keys: readonly string[], place: string): void {
  const other = Object.keys(from).filter((key) => !keys.includes(key))
  if (other.length > 0) throw wrong(`${place}${other[0]} is not known; known here: ${keys.join(', ')}`)
}

function wrong(what: string): OpspawnError {
  return new OpspawnError('OPTIONS_INVALID', `mcp_servers.yaml: ${what}`)
}
