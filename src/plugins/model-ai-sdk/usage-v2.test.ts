import { describe, expect, it } from 'vitest'
import { liftUsageV2 } from './usage-v2.ts'

// The same call, 20 tokens in of which 8 were cached, 9 out of which 5 were reasoning, as each provider counts it.
describe('V2 usage', () => {
  it('of OpenAI includes cached input and reasoning', () => {
    const usage = { inputTokens: 20, cachedInputTokens: 8, outputTokens: 9, reasoningTokens: 5, totalTokens: 29 }
    expect(liftUsageV2(usage, { openai: {} })).toEqual({
      inputTokens: { total: 20, noCache: 12, cacheRead: 8, cacheWrite: undefined },
      outputTokens: { total: 9, text: 4, reasoning: 5 },
      raw: usage,
    })
  })

  it('of Google leaves out reasoning', () => {
    const usage = { inputTokens: 20, cachedInputTokens: 8, outputTokens: 4, reasoningTokens: 5, totalTokens: 29 }
    expect(liftUsageV2(usage, undefined)).toMatchObject({
      inputTokens: { total: 20, noCache: 12 },
      outputTokens: { total: 9, text: 4, reasoning: 5 },
    })
  })

  it('of Anthropic leaves out what its cache gave and took', () => {
    const usage = { inputTokens: 12, cachedInputTokens: 8, outputTokens: 9, totalTokens: 21 }
    expect(liftUsageV2(usage, { anthropic: { cacheCreationInputTokens: 3 } })).toMatchObject({
      inputTokens: { total: 23, noCache: 12, cacheRead: 8, cacheWrite: 3 },
      outputTokens: { total: 9, text: undefined, reasoning: undefined },
    })
    expect(liftUsageV2(usage, { anthropic: { cacheCreationInputTokens: null } }).inputTokens).toEqual({
      total: 20,
      noCache: 12,
      cacheRead: 8,
      cacheWrite: undefined,
    })
    expect(liftUsageV2({ inputTokens: 12, outputTokens: 9 }, { anthropic: {} }).inputTokens).toMatchObject({
      total: 12,
      noCache: 12,
    })
  })

  it('shows a cache that is counted apart by itself when more was cached than put in', () => {
    expect(liftUsageV2({ inputTokens: 5, cachedInputTokens: 100 }, undefined).inputTokens).toMatchObject({
      total: 105,
      noCache: 5,
    })
  })

  it('stays unknown where it was not given', () => {
    const unknown = { inputTokens: { total: undefined, noCache: undefined }, outputTokens: { total: undefined, text: undefined } }
    expect(liftUsageV2({}, undefined)).toMatchObject(unknown)
    expect(liftUsageV2(undefined, undefined)).toMatchObject({ ...unknown, raw: undefined })
    expect(liftUsageV2({ cachedInputTokens: 3 }, { anthropic: {} }).inputTokens).toMatchObject({ total: undefined, cacheRead: 3 })
    expect(liftUsageV2({ outputTokens: 9, reasoningTokens: 5 }, undefined).outputTokens).toEqual({
      total: 9,
      text: 4,
      reasoning: 5,
    })
  })
})
