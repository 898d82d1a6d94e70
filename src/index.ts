export * from './core/index.ts'
export {
  DEFAULT_RETRY,
  DEFAULT_TIMING,
  type ModelPrice,
  type OrchestratorOptions,
  type PriceTable,
  type Timing,
} from './orchestrator/index.ts'
export { createOrchestrator } from './local.ts'
