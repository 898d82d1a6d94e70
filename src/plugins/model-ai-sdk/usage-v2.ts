import type { ModelUsage } from '../../core/index.ts'
import type { UsageV2 } from './shapes-v2.ts'

/**
 * Brings V2 counts to one meaning: input with what was cached, output with what was spent on reasoning. Providers
 * disagree, and the counts themselves show it:
 *
 * - Anthropic's input leaves out what was read from and written to its cache. Known by its metadata, or by more cached
 *   tokens than input.
 * - Google's output leaves out reasoning. Known by a total that is the sum of all three.
 *
 * A count that was not given stays unknown. `raw` keeps the counts as they came.
 */
export function liftUsageV2(usage: UsageV2 | undefined, metadata: object | undefined): ModelUsage {
  const counts = usage ?? {}
  return { inputTokens: liftInput(counts, metadata), outputTokens: liftOutput(counts), raw: usage }
}

function liftInput(
  { inputTokens: input, cachedInputTokens: cacheRead }: UsageV2,
  metadata: object | undefined,
): ModelUsage['inputTokens'] {
  const anthropic = (metadata as { anthropic?: { cacheCreationInputTokens?: number | null } } | undefined)?.anthropic
  const cacheWrite = anthropic?.cacheCreationInputTokens ?? undefined
  const isCacheApart = anthropic !== undefined || (cacheRead ?? 0) > (input ?? 0)
  if (isCacheApart) return { total: sum(input, cacheRead ?? 0, cacheWrite ?? 0), noCache: input, cacheRead, cacheWrite }
  return { total: input, noCache: difference(input, cacheRead), cacheRead, cacheWrite }
}

function liftOutput({
  inputTokens: input,
  outputTokens: output,
  reasoningTokens: reasoning,
  totalTokens,
}: UsageV2): ModelUsage['outputTokens'] {
  const isReasoningApart = (reasoning ?? 0) > 0 && totalTokens !== undefined && totalTokens === sum(input, output, reasoning)
  if (isReasoningApart) return { total: sum(output, reasoning), text: output, reasoning }
  return { total: output, text: difference(output, reasoning), reasoning }
}

function sum(...counts: readonly (number | undefined)[]): number | undefined {
  return counts.reduce((total, count) => (total === undefined || count === undefined ? undefined : total + count), 0)
}

function difference(whole: number | undefined, part: number | undefined): number | undefined {
  return whole === undefined || part === undefined ? undefined : whole - part
}
