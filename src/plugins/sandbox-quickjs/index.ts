/**
 * Code that nobody trusts, run by QuickJS in WebAssembly, and agents that carry out code which models write.
 *
 * @module
 */

export { type SandboxLimits, SANDBOX_LIMITS } from './limits.ts'
export type {
  Sandbox,
  SandboxAnswer,
  SandboxCall,
  SandboxFunction,
  SandboxRest,
  SandboxResult,
  SandboxRun,
  SandboxSession,
  SandboxSessionTask,
  SandboxTask,
} from './port.ts'
export { quickjsSandbox, type QuickjsSandboxOptions } from './quickjs-sandbox.ts'
export { codeMode, type CodeModeInput, type CodeModeOptions, type CodeModeOutput } from './code-mode.ts'
export { toolDeclarations } from './declarations.ts'
export { scriptPlanner } from './script-planner.ts'
