/**
 * Tools, resources and prompts of MCP servers.
 *
 * @module
 */

// What agents are given.
export { mcpCatalogFile, type McpCatalogStore, type StoredCatalog } from './catalog/catalog-store.ts'
export type { McpProblem } from './catalog/catalog.ts'
export { createMcp, type Mcp, type McpCodeCall } from './handle.ts'
export { mcp, type McpOptions } from './mcp.ts'
export type { McpListedTool } from './operator.ts'
export type { McpAutoOptions, McpPinOptions, McpToolOptions } from './options.ts'
export type { PinChange } from './pins/changes.ts'
export type { McpPinMode } from './pins/pin-keeper.ts'
export { mcpLockFile, mcpMemoryPins, type McpPinStore, type PinnedEntry, type PinnedTool, type Pins } from './pins/pin-store.ts'
export { type McpArtifacts, mcpFolderArtifacts, mcpMemoryArtifacts } from './results/artifacts.ts'
export type { McpResultForm } from './results/shape.ts'
export type { McpCaller, McpServerDefaults, McpServerEvent, McpServers } from './servers.ts'
export type { McpAskOptions, McpSessions } from './sessions.ts'
export type { McpAccess, McpRate, McpToolAccess } from './tools/access.ts'
export type { McpToolChoice } from './tools/choose.ts'

// Connections
export { parseMcpServers, type ParseServersOptions } from './config/parse-servers.ts'
export { fromYamlServers } from './config/yaml-form.ts'
export type { Environment } from './config/environment.ts'
export type { McpLimits, McpServer, McpTarget, McpTrust } from './config/servers.ts'
export { createMcpConnections, type McpConnections, type McpConnectionsOptions } from './connection/connections.ts'
export type { McpLink, McpLinkEvent } from './connection/link.ts'
export type { McpAuth, McpGrantRequest } from './auth/authorisation.ts'
export { memoryTokenStore, type McpTokenStore } from './auth/token-store.ts'
export type { Masking } from './connection/masking.ts'
export type { McpServerState } from './connection/state.ts'
export { mcpDriverV1 } from './drivers/driver-v1.ts'
export { mcpDriverV2, type McpDriverOptions } from './drivers/driver-v2.ts'
export type * from './port.ts'
