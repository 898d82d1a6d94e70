/**
 * Tools, resources and prompts of MCP servers.
 *
 * @module
 */

// Connections
export { parseMcpServers, type ParseServersOptions } from './config/parse-servers.ts'
export { fromYamlServers } from './config/yaml-form.ts'
export type { Environment } from './config/environment.ts'
export type { McpLimits, McpServer, McpTarget, McpTrust } from './config/servers.ts'
export { createMcpConnections, type McpConnections, type McpConnectionsOptions } from './connection/connections.ts'
export type { McpLink, McpLinkEvent } from './connection/link.ts'
export { memoryTokenStore } from './auth/token-keys.ts'
export type { Masking } from './connection/masking.ts'
export type { McpServerState } from './connection/state.ts'
export { mcpDriverV1 } from './drivers/driver-v1.ts'
export { mcpDriverV2, type McpDriverOptions } from './drivers/driver-v2.ts'
export type * from './port.ts'
