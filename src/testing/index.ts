/**
 * Scripted models, cassettes, a clock to turn by hand, and the conformance suites.
 *
 * @module
 */

export { openCassette, type Cassette, type CassetteOptions } from './cassette-file.ts'
export type { Broken, RecordedCall, RecordedResponse } from './cassette-file.ts'
export { redactKeys, type Redact } from './cassette-codec.ts'
export { cassetteModel, recordModel, replayModel } from './cassette.ts'
export type { CassetteMatch, ReplayModel, ReplayOptions } from './cassette.ts'
export { manualClock, type ManualClock } from './clock.ts'
export { checkHistories, type HistoryEvidence, type Violation } from './history-check.ts'
export { MEMORY_CASES, memoryConformance, type MemoryConformanceOptions } from './memory-conformance.ts'
export type { MemorySetup } from './memory-world.ts'
export { MODEL_CASES, modelConformance, type ModelConformanceOptions } from './model-conformance.ts'
export { scenarioStep, type ModelScenario } from './model-scenarios.ts'
export { plannerConformance, type PlannerConformanceOptions } from './planner-conformance.ts'
export type { PlannerRule } from './planner-rule.ts'
export { nativeDialect, scriptedAnswer } from './planner-scenario.ts'
export type { ModelTurn, PlannerDialect, PlannerScenario, ScenarioTurn, ScriptedCall } from './planner-scenario.ts'
export { lastToolResults, lastUserText, promptText, systemText, type ToldResult } from './prompt-text.ts'
export { providerError, type ProviderError, type ProviderErrorOptions } from './provider-error.ts'
export { SANDBOX_CASES, sandboxConformance, type SandboxConformanceOptions } from './sandbox-conformance.ts'
export type {
  SandboxApi,
  SandboxAsk,
  SandboxCode,
  SandboxEnd,
  SandboxLimitName,
  SandboxPause,
  SandboxSteps,
  TestedSandbox,
} from './tested-sandbox.ts'
export { SCHEDULER_CASES, schedulerConformance, type SchedulerConformanceOptions } from './scheduler-conformance.ts'
export type { CallExpectation, CallMatcher, PartialExpectation, TextPattern } from './scripted-expect.ts'
export { scriptedModel } from './scripted-model.ts'
export type {
  BlockPart,
  CallPart,
  CommonFinishReason,
  FinishPart,
  FlatUsage,
  NestedUsage,
  OlderCallOptions,
  OlderModel,
  ScriptedPart,
  ScriptedResult,
  V2FinishReason,
  V2Model,
  V2StreamPart,
  V3FinishReason,
  V3Model,
  V3StreamPart,
  V4FinishReason,
  V4Result,
  V4StreamPart,
} from './scripted-shapes.ts'
export type {
  AnswerStep,
  DeltaCut,
  FaultStep,
  FixedStep,
  ScriptedModel,
  ScriptedModelCall,
  ScriptedModelOptions,
  ScriptedStep,
  ScriptedToolCall,
  ScriptedUsage,
  StepContent,
} from './scripted-step.ts'
export { seededIds, seededRandom, shuffled } from './seeded.ts'
export { STORE_CASES, storeConformance, type StoreConformanceOptions } from './store-conformance.ts'
export type { StoreLimits, TransactionProbe } from './store-world.ts'
export type { TestFunction } from './suite.ts'
export { TOOL_CASES, toolConformance, type ToolConformanceOptions } from './tool-conformance.ts'
export { toolContext, type TestToolContext } from './tool-context.ts'
export type { DocumentCheck } from './tool-schema.ts'
