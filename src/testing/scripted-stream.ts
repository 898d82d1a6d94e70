import type { Course } from './part-stream.ts'
import type { Answer } from './scripted-answer.ts'
import { providerError } from './provider-error.ts'
import type { ScriptedPart, V4StreamPart } from './scripted-shapes.ts'
import type { DeltaCut, FixedStep } from './scripted-step.ts'

/** The error that a fault stands for; `undefined` where it stands for none. */
export function faultError(step: Exclude<FixedStep, string>): { readonly value: unknown } | undefined {
  switch (step.fault) {
    case 'rate-limit': {
      const { retryAfterMs: ms } = step
      const responseHeaders =
        ms === undefined ? {} : { 'retry-after-ms': String(ms), 'retry-after': String(Math.ceil(ms / 1000)) }
      return { value: providerError('Rate limit reached (scripted)', { statusCode: 429, isRetryable: true, responseHeaders }) }
    }
    case 'server-error':
      return {
        value: providerError('Internal server error (scripted)', { statusCode: 500, isRetryable: true, responseHeaders: {} }),
      }
    case 'truncated': {
      const cause = Object.assign(new TypeError('terminated'), {
        cause: Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' }),
      })
      return {
        value: providerError('Failed to process successful response (scripted)', { statusCode: 200, isRetryable: true, cause }),
      }
    }
    case 'throw':
      return { value: step.value }
    default:
      return undefined
  }
}

/** Makes the course of a stream. */
export function streamCourse(answer: Answer): Course<V4StreamPart> {
  const { fault } = answer.fault
  const parts: V4StreamPart[] = [
    { type: 'stream-start', warnings: [] },
    { type: 'response-metadata', ...answer.response },
  ]
  const blocks = answer.content.map((part, at) => blockParts(part, String(at), answer.deltas))
  if (fault === 'truncated') leaveOpen(blocks)
  parts.push(...(answer.interleave ? interleave(blocks) : blocks.flat()))
  if (fault === 'hang') return { parts, end: { how: 'hang' } }
  if (fault === 'throw') return { parts, end: { how: 'throw', value: answer.fault.value } }
  if (fault === 'truncated') return { parts, end: { how: 'close' } }
  if (fault === 'rate-limit' || fault === 'server-error') parts.push({ type: 'error', error: faultError(answer.fault)?.value })
  parts.push({ type: 'finish', finishReason: answer.finishReason, usage: answer.usage })
  return { parts, end: { how: 'close' } }
}

function blockParts(part: ScriptedPart, id: string, cut: DeltaCut): V4StreamPart[] {
  switch (part.type) {
    case 'text':
    case 'reasoning': {
      const { type, text, ...rest } = part
      const deltas = cutText(text, cut).map((delta): V4StreamPart => ({ type: `${type}-delta`, id, delta }))
      return [{ type: `${type}-start`, id }, ...deltas, { type: `${type}-end`, id, ...rest }]
    }
    case 'tool-call': {
      const { toolCallId, toolName, input } = part
      const deltas = cutText(input, cut).map((delta): V4StreamPart => ({ type: 'tool-input-delta', id: toolCallId, delta }))
      return [{ type: 'tool-input-start', id: toolCallId, toolName }, ...deltas, { type: 'tool-input-end', id: toolCallId }, part]
    }
    default:
      return [part satisfies never]
  }
}

/** Takes away the second half of the last block that has one. */
function leaveOpen(blocks: V4StreamPart[][]): void {
  const last = blocks.at(-1)
  if (last === undefined || last.length < 3) return
  const deltas = last.filter((part) => 'delta' in part).length
  last.length = 1 + Math.ceil(deltas / 2)
}

function interleave(blocks: readonly (readonly V4StreamPart[])[]): V4StreamPart[] {
  const mixed: V4StreamPart[] = []
  const longest = Math.max(0, ...blocks.map((block) => block.length))
  for (let round = 0; round < longest; round += 1) {
    for (const block of blocks) {
      const part = block[round]
      if (part !== undefined) mixed.push(part)
    }
  }
  return mixed
}

/** Cuts a text; an empty text gives no delta. */
function cutText(text: string, cut: DeltaCut): readonly string[] {
  if (text === '') return []
  if (typeof cut === 'function') return cut(text)
  if (cut === 'whole') return [text]
  if (cut === 'words') return text.match(/\s*\S+|\s+$/g) ?? [text]
  const characters = Array.from(text)
  const size = Math.max(1, Math.floor(cut))
  return Array.from({ length: Math.ceil(characters.length / size) }, (_, at) =>
    characters.slice(at * size, (at + 1) * size).join(''),
  )
}
