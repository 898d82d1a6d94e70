/**
 * Tools, resources and prompts of MCP servers.
 *
 * @module
 */

// What agents are given.
export { mcpCatalogFile, type McpCatalogStore, type StoredCatalog } from './catalog/catalog-store.ts'
export type { McpProblem } from './catalog/catalog.ts'
export { createMcp, type Mcp, type McpCodeCall } from './handle.ts'
export type { McpListedTool } from './operator.ts'
export type { McpAutoOptions, McpPinOptions, McpToolOptions } from './options.ts'
export type { PinChange } from './pins/changes.ts'
export type { McpPinMode } from './pins/pin-keeper.ts'
export { mcpLockFile, mcpMemoryPins, type McpPinStore, type PinnedEntry, type PinnedTool, type Pins } from './pins/pin-store.ts'
export { type McpArtifacts, mcpFolderArtifacts, mcpMemoryArtifacts } from './results/artifacts.ts'
export type { McpResultForm } from './results/shape.ts'
export type { McpCaller, McpServerEvent, McpServers } from './servers.ts'
export type { McpAskOptions, McpSessions } from './sessions.ts'
export type { McpAccess, McpRate, McpToolAccess } from './tools/access.ts'
export type { McpToolChoice } from './tools/choose.ts'
