import { OpspawnError } from '../../../core/index.ts'
import { inherited, type Environment } from './environment.ts'
import { fieldReader, isObject, quoted, type FieldReader, type Fields } from './field-reader.ts'
import { DEFAULT_LIMITS, MAX_LIMITS, type McpLimits, type McpServer, type McpTarget } from './servers.ts'

/** What the reading of a configuration takes from outside. */
export interface ParseServersOptions {
  /** Where `${env:NAME}` and inherited variables come from. Default: the environment of this process. */
  readonly environment?: Environment | undefined
}

const NAME = /^[a-zA-Z0-9](?:_?[a-zA-Z0-9-]){0,47}$/
const COMMON = ['type', 'enabled', 'disabled', 'trust', 'limits']
const STDIO = ['command', 'args', 'env', 'cwd', 'inheritEnv']
const HTTP = ['url', 'headers', 'allowHosts']
/** Headers that are set by the protocol, or by what carries it. */
const RESERVED = /^(?:accept|connection|content-.*|host|mcp-.*|transfer-encoding|last-event-id)$/i
const MAX_SERVERS = 1_000

/**
 * Reads the configuration that MCP hosts share: an object with `mcpServers`, of which each member has `command`, `args`,
 * `env`, `cwd`, or `url` and `headers`. `${env:NAME}` in any of their values is replaced.
 *
 * @throws OpspawnError `OPTIONS_INVALID` with all problems at once, each with its place; `details.problems` lists them
 */
export function parseMcpServers(value: unknown, options: ParseServersOptions = {}): readonly McpServer[] {
  const environment = options.environment ?? process.env
  const problems: string[] = []
  const servers = serversIn(value, problems).flatMap(([name, entry]) => {
    const reader = fieldReader(`mcpServers.${name}`, environment, problems)
    if (!NAME.test(name)) {
      reader.problem('', 'has a name that is not of letters, digits, "-" and single "_" between them, at most 48')
    }
    const server = serverIn(name, entry, reader)
    return server === undefined ? [] : [server]
  })
  if (problems.length > 0) {
    const text = `The configuration of MCP servers has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}`
    throw new OpspawnError('OPTIONS_INVALID', `${text}: ${problems.join('; ')}`, { details: { problems } })
  }
  return servers
}

function serversIn(value: unknown, problems: string[]): readonly (readonly [string, unknown])[] {
  const none = (problem: string): readonly [] => (problems.push(problem), [])
  if (!isObject(value)) return none('the configuration is not an object')
  for (const key of Object.keys(value)) {
    if (key !== 'mcpServers') problems.push(`${quoted(key)} is not known; the only member is "mcpServers"`)
  }
  const servers = value['mcpServers']
  if (!isObject(servers)) return none('"mcpServers" is missing or not an object')
  const entries = Object.entries(servers)
  if (entries.length > MAX_SERVERS) return none(`there are more than ${MAX_SERVERS} servers`)
  return entries
}

function serverIn(name: string, entry: unknown, reader: FieldReader): McpServer | undefined {
  if (!isObject(entry)) {
    reader.problem('', 'is not an object')
    return undefined
  }
  const isHttp = entry['url'] !== undefined
  if (isHttp === (entry['command'] !== undefined)) {
    reader.problem('', isHttp ? 'has both "command" and "url"' : 'has neither "command" nor "url"')
    return undefined
  }
  reader.known(entry, [...COMMON, ...(isHttp ? HTTP : STDIO)])
  const types = isHttp ? ['http', 'streamable-http', 'streamableHttp'] : ['stdio']
  reader.oneOf(entry, 'type', types)
  const trust = reader.oneOf(entry, 'trust', ['trusted', 'untrusted']) === 'trusted' ? 'trusted' : 'untrusted'
  const isEnabled = reader.flag(entry, 'enabled') ?? !(reader.flag(entry, 'disabled') ?? false)
  const limits = limitsIn(entry['limits'], reader)
  const target = isHttp ? httpIn(entry, reader) : stdioIn(entry, reader)
  return { name, enabled: isEnabled, trust, limits, target, secrets: [...reader.secrets] }
}

function stdioIn(entry: Fields, reader: FieldReader): McpTarget {
  const args = entry['args'] ?? []
  if (!Array.isArray(args)) reader.problem('args', 'is not a list')
  const list = Array.isArray(args) ? args : []
  return {
    kind: 'stdio',
    command: reader.text(entry['command'], 'command', true),
    args: list.map((arg, at) => reader.text(arg, `args[${at}]`)),
    env: { ...inherited(inheritIn(entry['inheritEnv'], reader), reader.environment), ...reader.texts(entry['env'], 'env') },
    cwd: entry['cwd'] === undefined ? undefined : reader.text(entry['cwd'], 'cwd', true),
  }
}

function inheritIn(value: unknown, reader: FieldReader): 'default' | 'none' | readonly string[] {
  if (value === undefined || value === 'default') return 'default'
  if (value === 'none') return 'none'
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
  reader.problem('inheritEnv', 'is not "default", "none", or a list of names')
  return 'none'
}

function httpIn(entry: Fields, reader: FieldReader): McpTarget {
  const text = reader.text(entry['url'], 'url', true)
  const url = URL.parse(text)
  const headers = reader.texts(entry['headers'], 'headers')
  if (text !== '' && (url === null || !/^https?:$/.test(url.protocol)))
    reader.problem('url', 'is not an address of http or https')
  else if (url !== null && (url.username !== '' || url.password !== '')) {
    reader.problem('url', 'holds a user or a password; put them into "headers"')
  }
  for (const [name, value] of Object.entries(headers)) {
    if (RESERVED.test(name)) reader.problem(`headers.${name}`, 'is set by the protocol itself')
    else if (!isHeader(name, value))
      reader.problem(`headers.${name}`, 'cannot be sent: it has a character that headers do not have')
    reader.keepSecret(value)
  }
  return { kind: 'http', url: url?.href ?? text, headers, allowHosts: hostsIn(entry['allowHosts'], reader) }
}

const HOST = /^(?:[^\s/?#@\\:]+|\[[\da-fA-F:.]+\]):\d{1,5}$/

function hostsIn(value: unknown, reader: FieldReader): readonly string[] {
  if (value === undefined) return []
  if (Array.isArray(value) && value.every((one) => typeof one === 'string' && HOST.test(one))) return value as string[]
  reader.problem('allowHosts', 'is not a list of "host:port"')
  return []
}

function isHeader(name: string, value: string): boolean {
  try {
    return new Headers([[name, value]]).has(name)
  } catch {
    return false
  }
}

function limitsIn(value: unknown, reader: FieldReader): McpLimits {
  if (value === undefined) return DEFAULT_LIMITS
  if (!isObject(value)) {
    reader.problem('limits', 'is not an object')
    return DEFAULT_LIMITS
  }
  reader.known(value, Object.keys(DEFAULT_LIMITS), 'limits.')
  const limits: Record<string, number> = { ...DEFAULT_LIMITS }
  for (const key of Object.keys(DEFAULT_LIMITS) as (keyof McpLimits)[]) {
    const given = value[key]
    if (given === undefined) continue
    if (Number.isSafeInteger(given) && Number(given) >= 1 && Number(given) <= MAX_LIMITS[key]) limits[key] = Number(given)
    else reader.problem(`limits.${key}`, `is not a whole number from 1 to ${MAX_LIMITS[key]}`)
  }
  return limits as unknown as McpLimits
}
