/**
 * Workflows as ordinary asynchronous functions, replayed over a run's history.
 *
 * @module
 */

export { codePlanner, defineWorkflow, type CodeWorkflowOptions } from './define.ts'
export type {
  ApprovalAnswer,
  CallOptions,
  NamedAgent,
  NamedTool,
  SleepOptions,
  WaitOptions,
  WorkflowContext,
  WorkflowFunction,
} from './context.ts'
