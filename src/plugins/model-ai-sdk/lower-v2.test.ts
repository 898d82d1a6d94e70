import { describe, expect, it } from 'vitest'
import type { ModelCallOptions } from '../../core/index.ts'
import { lowerToV2 } from './lower-v2.ts'
import { createLosses } from './losses.ts'

function lower(options: Partial<ModelCallOptions>): { options: ReturnType<typeof lowerToV2>; features: unknown[] } {
  const losses = createLosses()
  const lowered = lowerToV2({ prompt: [], ...options }, losses.add)
  return { options: lowered, features: losses.warnings.map((warning) => (warning as { feature: string }).feature) }
}

/** Lowers one tool result. */
function lowerResult(output: object, rest: object = {}): { part: unknown; features: unknown[] } {
  const result = { type: 'tool-result', toolCallId: 'c', toolName: 't', output, ...rest }
  const { options, features } = lower({ prompt: [{ role: 'tool', content: [result] }] })
  return { part: options.prompt[0]?.content[0], features }
}

describe('tools', () => {
  it('of the provider get the name that V2 knows them by', () => {
    const { options, features } = lower({
      tools: [{ type: 'provider', id: 'openai.web_search', name: 'search', args: { a: 1 } }],
    })
    expect(options.tools).toEqual([{ type: 'provider-defined', id: 'openai.web_search', name: 'search', args: { a: 1 } }])
    expect(features).toEqual([])
  })

  it('of ours lose what V2 would ignore in silence, with a warning', () => {
    const tool = {
      type: 'function',
      name: 't',
      description: 'd',
      inputSchema: { type: 'object' },
      providerOptions: { p: {} },
    } as const
    expect(lower({ tools: [{ ...tool, strict: false }] })).toEqual({ options: { prompt: [], tools: [tool] }, features: [] })
    const examples = { ...tool, strict: true, inputExamples: [{ input: {} }] }
    expect(lower({ tools: [examples, examples] })).toEqual({
      options: { prompt: [], tools: [tool, tool] },
      features: ['strict tools', 'tool input examples'],
    })
  })

  it('stay absent where there are none', () => {
    expect(lower({}).options).not.toHaveProperty('tools')
  })
})

describe('messages', () => {
  it('keep texts, files and calls, and lose approval responses with a warning', () => {
    const { options, features } = lower({
      prompt: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: [{ type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'AA==' } }] },
        { role: 'assistant', content: [{ type: 'tool-call', toolCallId: 'c', toolName: 't', input: {} }] },
        { role: 'tool', content: [{ type: 'tool-approval-response', approvalId: 'a', approved: false }] },
        { role: 'tool', content: [] },
      ],
    })
    expect(options.prompt).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'file', mediaType: 'image/png', data: 'AA==' }] },
      { role: 'assistant', content: [{ type: 'tool-call', toolCallId: 'c', toolName: 't', input: {} }] },
      { role: 'tool', content: [] },
    ])
    expect(features).toEqual(['prompt part "tool-approval-response"'])
  })
})

describe('tool outputs', () => {
  it('that were denied become errors that the model can read', () => {
    expect(lowerResult({ type: 'execution-denied', reason: 'no' }).part).toMatchObject({
      output: { type: 'error-text', value: 'no' },
    })
    expect(lowerResult({ type: 'execution-denied' }).part).toMatchObject({
      output: { type: 'error-text', value: 'Tool execution denied.' },
    })
  })

  it('hand their options up to the part, which keeps its own', () => {
    const output = { type: 'text', value: 'a', providerOptions: { p: { cache: 1 } } }
    expect(lowerResult(output).part).toEqual({
      type: 'tool-result',
      toolCallId: 'c',
      toolName: 't',
      output: { type: 'text', value: 'a' },
      providerOptions: { p: { cache: 1 } },
    })
    expect(lowerResult(output, { providerOptions: { p: { own: 1 } } }).part).toMatchObject({ providerOptions: { p: { own: 1 } } })
  })

  it('give files as media, and as text what V2 can only be told about', () => {
    const file = (data: object, mediaType: string): object => ({ type: 'file', data, mediaType })
    const { part, features } = lowerResult({
      type: 'content',
      value: [
        { type: 'text', text: 'see', providerOptions: { p: {} } },
        file({ type: 'data', data: 'AA==' }, 'image/png'),
        file({ type: 'data', data: 'AA==' }, 'application/pdf'),
        file({ type: 'url', url: 'https://example.com/a' }, 'image/png'),
        file({ type: 'url', url: 'https://example.com/b' }, 'application/pdf'),
        file({ type: 'reference', reference: { openai: 'file-1' } }, 'image/png'),
        file({ type: 'reference', reference: { openai: 'file-2' } }, 'application/pdf'),
        { type: 'custom' },
        { type: 'not-invented-yet' },
      ],
    })
    expect(part).toMatchObject({
      output: {
        type: 'content',
        value: [
          { type: 'text', text: 'see' },
          { type: 'media', data: 'AA==', mediaType: 'image/png' },
          { type: 'media', data: 'AA==', mediaType: 'application/pdf' },
          { type: 'text', text: 'https://example.com/a' },
          { type: 'text', text: 'https://example.com/b' },
          { type: 'text', text: expect.stringContaining('file-1') as string },
          { type: 'text', text: expect.stringContaining('file-2') as string },
        ],
      },
    })
    expect(features).toEqual([
      'file URL in a tool output',
      'file reference in a tool output',
      'tool output item "custom"',
      'tool output item "not-invented-yet"',
    ])
  })
})
