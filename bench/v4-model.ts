import type { LanguageModel } from 'ai'
import { addName, deltaText, nextMove, sumIn, type Job } from './task.ts'

export type V4Model = Extract<LanguageModel, { readonly specificationVersion: 'v4' }>
type Options = Parameters<V4Model['doGenerate']>[0]
type Generated = Awaited<ReturnType<V4Model['doGenerate']>>
type Part = Awaited<ReturnType<V4Model['doStream']>>['stream'] extends ReadableStream<infer P> ? P : never

const usage: Generated['usage'] = {
  inputTokens: { total: 10, noCache: 10, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 5, text: 5, reasoning: 0 },
}

/** An AI SDK V4 model that answers at once: what the floor, `ai`, Mastra and opspawn run on. */
export function v4Model(work: Job): V4Model {
  return {
    specificationVersion: 'v4',
    provider: 'scripted',
    modelId: 'scripted-1',
    supportedUrls: {},
    async doGenerate(options) {
      const { content, unified } = turn(work, options)
      return { content: [content], finishReason: { unified, raw: unified }, usage, warnings: [] }
    },
    async doStream(options) {
      // All parts are queued before the first read: what is measured is the framework, not the source.
      const parts = work.deltas > 0 ? deltaParts(work.deltas) : turnParts(work, options)
      return {
        stream: new ReadableStream<Part>({
          start(controller) {
            for (const part of parts) controller.enqueue(part)
            controller.close()
          },
        }),
      }
    },
  }
}

function turn(work: Job, options: Options): { content: Generated['content'][number]; unified: 'stop' | 'tool-calls' } {
  const move = nextMove(work, newestSum(options.prompt))
  return 'say' in move
    ? { content: { type: 'text', text: move.say }, unified: 'stop' }
    : { content: { type: 'tool-call', toolCallId: move.id, toolName: addName, input: move.call }, unified: 'tool-calls' }
}

function newestSum(prompt: Options['prompt']): number | undefined {
  const message = prompt.at(-1)
  if (message?.role !== 'tool') return 0
  const part = message.content.at(-1)
  if (part?.type !== 'tool-result') return undefined
  const { output } = part
  return output.type === 'json' || output.type === 'text' ? sumIn(output.value) : undefined
}

function turnParts(work: Job, options: Options): Part[] {
  const { content, unified } = turn(work, options)
  const body: Part[] =
    content.type === 'text'
      ? [
          { type: 'text-start', id: 't' },
          { type: 'text-delta', id: 't', delta: content.text },
          { type: 'text-end', id: 't' },
        ]
      : [content as Part]
  return [{ type: 'stream-start', warnings: [] }, ...body, { type: 'finish', finishReason: { unified, raw: unified }, usage }]
}

function deltaParts(deltas: number): Part[] {
  const parts: Part[] = [
    { type: 'stream-start', warnings: [] },
    { type: 'text-start', id: 't' },
  ]
  for (let index = 0; index < deltas; index += 1) parts.push({ type: 'text-delta', id: 't', delta: deltaText })
  parts.push({ type: 'text-end', id: 't' }, { type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage })
  return parts
}
