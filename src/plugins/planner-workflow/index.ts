/**
 * Workflows: graphs of tasks in YAML, JSON or code, run by the engine like any agent, with no model in them.
 *
 * @module
 */

export { workflow, type BuilderTask, type WorkflowBuilder } from './builder.ts'
export { toDot, toMermaid } from './diagram.ts'
export type {
  ApprovalDocument,
  CapableAgent,
  RetryDocument,
  SignalDocument,
  TaskDocument,
  TaskKind,
  WorkflowDocument,
} from './document.ts'
export { importTemplate, type ImportedTemplate } from './import-template.ts'
export { WORKFLOW_LIMITS } from './limits.ts'
export { taskStates, type LiveTask, type RunSoFar } from './live-states.ts'
export { loadWorkflow, parseWorkflow } from './parse.ts'
export type { LoadWorkflowOptions, ParsedWorkflow, Workflow } from './parse.ts'
export type { WorkflowPlanner } from './planner.ts'
export { describeProblem, type ProblemRule, type WorkflowProblem } from './problem.ts'
export type { WorkflowParts } from './offer.ts'
export { taskRules } from './task-rules.ts'
export type { TaskStatus, WorkflowNote, WorkflowState } from './task-state.ts'
export { WORKFLOW_SCHEMA } from './workflow-schema.ts'
