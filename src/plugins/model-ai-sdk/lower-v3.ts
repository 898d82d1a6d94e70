import { Buffer } from 'node:buffer'
import { type ModelCallOptions, type ModelMessage, OpspawnError } from '../../core/index.ts'
import type { Lose } from './losses.ts'
import type { FilePartV4, OutputItemV4, PartV4, ToolOutputV4 } from './prompt-v4.ts'
import type { CallOptionsV3, FilePartV3, MessageV3, OutputItemV3, PartV3, ToolOutputV3 } from './shapes-v3.ts'

/**
 * Writes V4 call options as V3 ones. What V3 has no form for is left out and noted; a file that cannot be shown at all
 * is an error, since an answer about a file that the model never saw is worse than none.
 *
 * @throws OpspawnError `MODEL_FAILED` for a message with a file that lies with a provider
 */
export function lowerToV3(options: ModelCallOptions, lose: Lose): CallOptionsV3 {
  const { reasoning, prompt, ...rest } = options
  if (reasoning !== undefined && reasoning !== 'provider-default') {
    lose('reasoning', 'left out: models below V4 take their reasoning settings from providerOptions')
  }
  return { ...rest, prompt: prompt.flatMap((message) => lowerMessage(message, lose)) }
}

/** A message that loses all its parts is left out: providers refuse empty ones. */
function lowerMessage(message: ModelMessage, lose: Lose): MessageV3[] {
  const { content, ...rest } = message
  if (typeof content === 'string') return [{ ...rest, content }]
  const kept = (content as PartV4[]).flatMap((part) => lowerPart(part, lose))
  return kept.length === 0 && content.length > 0 ? [] : [{ ...rest, content: kept }]
}

function lowerPart(part: PartV4, lose: Lose): PartV3[] {
  switch (part.type) {
    case 'text':
    case 'reasoning':
    case 'tool-call':
    case 'tool-approval-response':
      return [part]
    case 'file':
      return [lowerFile(part)]
    case 'tool-result':
      return [{ ...part, output: lowerOutput(part.output) }]
    default:
      lose(`prompt part "${(part as { type: string }).type}"`, 'left out: models below V4 do not know it')
      return []
  }
}

function lowerFile(part: FilePartV4): PartV3 {
  const { data, ...rest } = part
  switch (data.type) {
    case 'data':
      return { ...rest, data: data.data }
    case 'url':
      return {
        ...rest,
        data: new URL(data.url),
        ...(data.originalUrl === undefined ? undefined : { originalUrl: data.originalUrl }),
      }
    case 'text':
      if (!part.mediaType.startsWith('text')) return { ...rest, data: Buffer.from(data.text).toString('base64') }
      return {
        type: 'text',
        text: data.text,
        ...(part.providerOptions === undefined ? undefined : { providerOptions: part.providerOptions }),
      }
    case 'reference':
      throw new OpspawnError('MODEL_FAILED', 'a model below V4 cannot be shown a file by reference; give its data or its URL', {
        details: { feature: 'file reference', mediaType: part.mediaType },
      })
    default:
      // Already in the older form.
      return part as unknown as FilePartV3
  }
}

function lowerOutput(output: ToolOutputV4): ToolOutputV3 {
  return output.type === 'content' ? { ...output, value: output.value.map(lowerItem) } : output
}

function lowerItem(item: OutputItemV4): OutputItemV3 {
  if (item.type !== 'file') return item
  const { data, mediaType, filename } = item
  // A media type may be as short as "image".
  const isImage = mediaType.startsWith('image')
  const options = item.providerOptions === undefined ? undefined : { providerOptions: item.providerOptions }
  switch (data.type) {
    case 'data': {
      const base64 = typeof data.data === 'string' ? data.data : Buffer.from(data.data).toString('base64')
      if (isImage) return { type: 'image-data', data: base64, mediaType, ...options }
      return { type: 'file-data', data: base64, mediaType, ...(filename === undefined ? undefined : { filename }), ...options }
    }
    case 'url': {
      const url = String(data.url)
      return isImage ? { type: 'image-url', url, ...options } : { type: 'file-url', url, mediaType, ...options }
    }
    case 'reference':
      return { type: isImage ? 'image-file-id' : 'file-id', fileId: data.reference, ...options }
    case 'text':
      return { type: 'text', text: data.text, ...options }
  }
}
