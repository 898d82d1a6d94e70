/**
 * Any model of the AI SDK as a model of opspawn.
 *
 * @module
 */

export { aiSdkModel, type AiSdkModelOptions } from './ai-sdk-model.ts'
export type { ForeignModel, ForeignResult } from './dialect.ts'
export type {
  CallOptionsV2,
  MessageV2,
  ModelV2,
  OutputItemV2,
  PartV2,
  ProviderDefinedTool,
  ToolOutputV2,
  ToolResultPartV2,
  UsageV2,
} from './shapes-v2.ts'
export type {
  ApprovalPartV3,
  CallOptionsV3,
  FilePartV3,
  MessageV3,
  ModelV3,
  OutputItemV3,
  PartV3,
  TextPartV3,
  ToldPart,
  ToolCallPartV3,
  ToolOutputV3,
  ToolResultPartV3,
} from './shapes-v3.ts'
