/**
 * The whole SDK in one import: contracts, the orchestrator and its default wiring.
 *
 * @module
 */

export * from './core/index.ts'
export {
  DEFAULT_RETRY,
  DEFAULT_TIMING,
  // Checked at once, in place of core's: an explicit name wins over `export *`.
  defineAgent,
  defineExtension,
  definePlugin,
  defineTool,
  auditLog,
  type AuditLogOptions,
  auditOf,
  type AuditRecord,
  type CallExplanation,
  explainCall,
  type ExplainedCall,
  type ExplainedRule,
  explainPolicy,
  type ModelPrice,
  type OrchestratorOptions,
  type PolicyExplanation,
  type PriceTable,
  type Timing,
} from './orchestrator/index.ts'
export { createOrchestrator, type LocalOptions } from './local.ts'
export { defineConfig, type OpspawnConfig } from './config.ts'
