import type { Message, RunView, ModelEffect } from '../core/index.ts'
import { promptOf } from '../core/index.ts'

/**
 * Checks that a prompt answers every tool call exactly once, right behind the assistant's message: providers refuse
 * anything else. Calls that the provider ran itself are left out.
 *
 * @returns what is wrong, in words.
 */
export function unansweredCalls(prompt: readonly Message[]): string | undefined {
  let open: string[] = []
  for (const message of prompt) {
    if (message.role === 'tool') {
      for (const part of message.content) {
        if (part.type !== 'tool-result') continue
        const at = open.indexOf(part.toolCallId)
        if (at < 0) return `the result of "${part.toolCallId}" answers no open tool call (given twice, or never asked for)`
        open.splice(at, 1)
      }
      continue
    }
    if (open.length > 0) return `no result for the tool call "${open[0]}" before the next ${message.role} message`
    if (message.role !== 'assistant') continue
    open = message.content.flatMap((part) =>
      part.type === 'tool-call' && part.providerExecuted !== true ? [part.toolCallId] : [],
    )
  }
  return open.length > 0 ? `no result for the tool call "${open[0]}"` : undefined
}

/** The prompt of a model effect, or why it cannot be written out. */
export function tryPrompt(
  run: RunView,
  effect: ModelEffect,
): { readonly prompt: readonly Message[]; readonly problem?: undefined } | { readonly problem: string } {
  try {
    return { prompt: promptOf(run, effect) }
  } catch (error) {
    return { problem: (error as Error).message }
  }
}
