/**
 * Wires models, tools, planners and stores into durable runs.
 *
 * @module
 */

export { auditOf, type AuditRecord } from './audit.ts'
export { auditLog, type AuditLogOptions } from './audit-log.ts'
export { createOrchestrator, type OrchestratorOptions } from './create-orchestrator.ts'
export { defineAgent, defineExtension, definePlugin, defineTool } from './define.ts'
export { definitionsOf } from './definitions.ts'
export { DEFAULT_TIMING, type Timing } from './engine.ts'
export {
  type CallExplanation,
  explainCall,
  type ExplainedCall,
  type ExplainedRule,
  explainPolicy,
  type PolicyExplanation,
} from './explaining.ts'
export { replay, type ReplayOptions, type ReplayResult } from './replay.ts'
export { DEFAULT_RETRY } from './retry.ts'
export type { ModelPrice, PriceTable } from './spending.ts'
