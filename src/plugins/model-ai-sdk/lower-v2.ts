import type { FunctionTool, ModelCallOptions, ProviderTool } from '../../core/index.ts'
import { lowerToV3 } from './lower-v3.ts'
import type { Lose } from './losses.ts'
import type { CallOptionsV2, MessageV2, OutputItemV2, PartV2, ToolOutputV2 } from './shapes-v2.ts'
import type { MessageV3, OutputItemV3, PartV3, ToolOutputV3 } from './shapes-v3.ts'

/**
 * Writes V4 call options as V2 ones, by way of V3.
 *
 * @throws OpspawnError `MODEL_FAILED` for a message with a file that lies with a provider
 */
export function lowerToV2(options: ModelCallOptions, lose: Lose): CallOptionsV2 {
  const { prompt, tools, ...rest } = lowerToV3(options, lose)
  return {
    ...rest,
    prompt: prompt.flatMap((message) => lowerMessage(message, lose)),
    ...(tools === undefined ? undefined : { tools: tools.map((tool) => lowerTool(tool, lose)) }),
  }
}

function lowerTool(
  tool: FunctionTool | ProviderTool,
  lose: Lose,
): Omit<FunctionTool, 'strict'> | (Omit<ProviderTool, 'type'> & { type: 'provider-defined' }) {
  if (tool.type === 'provider') return { ...tool, type: 'provider-defined' }
  const { strict, inputExamples, ...rest } = tool as FunctionTool & { inputExamples?: unknown }
  if (strict === true) lose('strict tools', 'left out: V2 models do not know it; some take it from providerOptions')
  if (inputExamples !== undefined) lose('tool input examples', 'left out: V2 models do not know them')
  return rest
}

/** Approval responses would break a V2 model, which reads every part of a tool message as a result. */
function lowerMessage(message: MessageV3, lose: Lose): MessageV2[] {
  const { content, ...rest } = message
  if (typeof content === 'string') return [{ ...rest, content }]
  const kept = content.flatMap((part) => lowerPart(part, lose))
  return kept.length === 0 && content.length > 0 ? [] : [{ ...rest, content: kept }]
}

function lowerPart(part: PartV3, lose: Lose): PartV2[] {
  if (part.type === 'tool-approval-response') {
    lose('prompt part "tool-approval-response"', 'left out: V2 models know no approvals')
    return []
  }
  if (part.type !== 'tool-result') return [part]
  // V2 has no options on the output itself: they move up to the part, where cache marks are read too.
  const { providerOptions } = part.output
  const moved = part.providerOptions === undefined && providerOptions !== undefined ? { providerOptions } : undefined
  return [{ ...part, ...moved, output: lowerOutput(part.output, lose) } as PartV2]
}

function lowerOutput(output: ToolOutputV3, lose: Lose): ToolOutputV2 {
  switch (output.type) {
    case 'execution-denied':
      return { type: 'error-text', value: output.reason ?? 'Tool execution denied.' }
    case 'content':
      return { type: 'content', value: output.value.flatMap((item) => lowerItem(item, lose)) }
    default: {
      const { providerOptions: _, ...rest } = output
      return rest
    }
  }
}

function lowerItem(item: OutputItemV3, lose: Lose): OutputItemV2[] {
  switch (item.type) {
    case 'text':
      return [{ type: 'text', text: item.text }]
    case 'file-data':
    case 'image-data':
      return [{ type: 'media', data: item.data, mediaType: item.mediaType }]
    case 'file-url':
    case 'image-url':
      lose('file URL in a tool output', 'given as text: V2 models take only data there')
      return [{ type: 'text', text: item.url }]
    case 'file-id':
    case 'image-file-id':
      lose('file reference in a tool output', 'given as text: V2 models take only data there')
      return [{ type: 'text', text: `[a file that this model cannot be shown: ${JSON.stringify(item.fileId)}]` }]
    default:
      lose(`tool output item "${(item as { type: string }).type}"`, 'left out: V2 models do not know it')
      return []
  }
}
