import { describe, expect, it } from 'vitest'
import type { ModelCallOptions, ModelMessage } from '../../core/index.ts'
import { lowerToV3 } from './lower-v3.ts'
import { createLosses } from './losses.ts'

const png = 'iVBORw0KGgo='

function lower(options: Partial<ModelCallOptions>): { options: object; warnings: readonly object[] } {
  const losses = createLosses()
  return { options: lowerToV3({ prompt: [], ...options }, losses.add), warnings: losses.warnings }
}

function lowerParts(role: ModelMessage['role'], ...content: object[]): { content: unknown; warnings: readonly object[] } {
  const { options, warnings } = lower({ prompt: [{ role, content }] })
  return { content: (options as ModelCallOptions).prompt[0]?.content, warnings }
}

/** Lowers one item of a tool output. */
function lowerItem(item: object): unknown {
  const { content } = lowerParts('tool', {
    type: 'tool-result',
    toolCallId: 'c',
    toolName: 't',
    output: { type: 'content', value: [item] },
  })
  return (content as { output: { value: unknown[] } }[])[0]?.output.value[0]
}

describe('options', () => {
  it('are passed on as they are, and the originals are left alone', () => {
    const { signal } = new AbortController()
    const given: ModelCallOptions = {
      prompt: [{ role: 'system', content: 'Be brief.', providerOptions: { a: { cache: true } } }],
      temperature: 0.5,
      tools: [{ type: 'provider', id: 'a.search', name: 'search', args: {} }],
      abortSignal: signal,
      reasoning: 'high',
    }
    const copy = structuredClone({ ...given, abortSignal: undefined })
    const { reasoning: _, ...rest } = given
    expect(lower(given).options).toEqual(rest)
    expect(lower(given).options).toHaveProperty('abortSignal', signal)
    expect({ ...given, abortSignal: undefined }).toEqual(copy)
  })

  it('lose the reasoning effort, with a warning unless it is the default', () => {
    expect(lower({ reasoning: 'high' }).warnings).toEqual([
      { type: 'unsupported', feature: 'reasoning', details: expect.stringContaining('providerOptions') as string },
    ])
    expect(lower({ reasoning: 'provider-default' })).toEqual({ options: { prompt: [] }, warnings: [] })
  })
})

describe('message parts', () => {
  it('that V3 knows stay as they are', () => {
    const parts = [
      { type: 'text', text: 'a', providerOptions: { p: { cache: 1 } } },
      { type: 'reasoning', text: 'b', providerOptions: { p: { signature: 's' } } },
      { type: 'tool-call', toolCallId: 'c', toolName: 't', input: { a: 1 }, providerExecuted: true },
      { type: 'tool-result', toolCallId: 'c', toolName: 't', output: { type: 'json', value: [1] } },
    ]
    expect(lowerParts('assistant', ...parts)).toEqual({ content: parts, warnings: [] })
    const approval = { type: 'tool-approval-response', approvalId: 'a', approved: true }
    const denied = { type: 'tool-result', toolCallId: 'c', toolName: 't', output: { type: 'execution-denied', reason: 'no' } }
    expect(lowerParts('tool', approval, denied)).toEqual({ content: [approval, denied], warnings: [] })
  })

  it('that V3 does not know are left out, with one warning for each kind', () => {
    const { content, warnings } = lowerParts(
      'assistant',
      { type: 'custom', kind: 'p.a' },
      { type: 'custom', kind: 'p.b' },
      { type: 'reasoning-file', mediaType: 'image/png', data: { type: 'data', data: png } },
      { type: 'not-invented-yet' },
      { type: 'text', text: 'kept' },
    )
    expect(content).toEqual([{ type: 'text', text: 'kept' }])
    expect(warnings).toMatchObject([
      { feature: 'prompt part "custom"' },
      { feature: 'prompt part "reasoning-file"' },
      { feature: 'prompt part "not-invented-yet"' },
    ])
  })

  it('leave out a message that loses all of them, but keep one that had none', () => {
    const prompt: ModelMessage[] = [
      { role: 'assistant', content: [{ type: 'custom', kind: 'p.a' }] },
      { role: 'assistant', content: [] },
    ]
    expect(lower({ prompt }).options).toEqual({ prompt: [{ role: 'assistant', content: [] }] })
  })
})

describe('files in messages', () => {
  const file = (data: unknown, mediaType = 'image/png'): object => ({
    type: 'file',
    mediaType,
    data,
    filename: 'a.png',
    providerOptions: { p: {} },
  })

  it('give their data, bytes or base64, without its tag', () => {
    const bytes = new Uint8Array([1, 2])
    expect(lowerParts('user', file({ type: 'data', data: png }), file({ type: 'data', data: bytes })).content).toEqual([
      file(png),
      file(bytes),
    ])
  })

  it('give their URL as a URL object', () => {
    const url = new URL('https://example.com/a.png')
    expect(
      lowerParts('user', file({ type: 'url', url, originalUrl: 'a' }), file({ type: 'url', url: url.href })).content,
    ).toEqual([{ ...file(url), originalUrl: 'a' }, file(url)])
  })

  it('become text parts where they hold text, or base64 of UTF-8 for media types that are not text', () => {
    const { content } = lowerParts(
      'user',
      file({ type: 'text', text: 'é' }, 'text/plain'),
      file({ type: 'text', text: 'é' }, 'application/json'),
      { type: 'file', mediaType: 'text', data: { type: 'text', text: 'a' } },
    )
    expect(content).toEqual([
      { type: 'text', text: 'é', providerOptions: { p: {} } },
      file('w6k=', 'application/json'),
      { type: 'text', text: 'a' },
    ])
  })

  it('stay as they are where they are in the older form already', () => {
    expect(lowerParts('user', file(png)).content).toEqual([file(png)])
  })

  it('are refused where only a provider has them', () => {
    expect(() => lowerParts('user', file({ type: 'reference', reference: { openai: 'file-1' } }))).toThrow(
      expect.objectContaining({
        code: 'MODEL_FAILED',
        retryable: false,
        details: { feature: 'file reference', mediaType: 'image/png' },
      }) as Error,
    )
  })
})

describe('files in tool outputs', () => {
  const options = { providerOptions: { p: {} } }

  it.each([
    [{ type: 'data', data: png }, 'image/png', { type: 'image-data', data: png, mediaType: 'image/png' }],
    [{ type: 'data', data: new Uint8Array([255]) }, 'image', { type: 'image-data', data: '/w==', mediaType: 'image' }],
    [
      { type: 'data', data: png },
      'application/pdf',
      { type: 'file-data', data: png, mediaType: 'application/pdf', filename: 'f' },
    ],
    [{ type: 'url', url: new URL('https://example.com/a') }, 'image/png', { type: 'image-url', url: 'https://example.com/a' }],
    [
      { type: 'url', url: 'https://example.com/a' },
      'text/csv',
      { type: 'file-url', url: 'https://example.com/a', mediaType: 'text/csv' },
    ],
    [{ type: 'reference', reference: { a: '1' } }, 'image/png', { type: 'image-file-id', fileId: { a: '1' } }],
    [{ type: 'reference', reference: { a: '1' } }, 'text/csv', { type: 'file-id', fileId: { a: '1' } }],
    [{ type: 'text', text: 'a,b' }, 'text/csv', { type: 'text', text: 'a,b' }],
  ])('%j of %s', (data, mediaType, expected) => {
    const file = { type: 'file', data, mediaType, filename: 'f' }
    expect(lowerItem(file)).toEqual(expected)
    expect(lowerItem({ ...file, ...options })).toEqual({ ...expected, ...options })
  })

  it('have no name where they were given none', () => {
    expect(lowerItem({ type: 'file', data: { type: 'data', data: png }, mediaType: 'text/csv' })).not.toHaveProperty('filename')
  })

  it('leave other items as they are', () => {
    for (const item of [{ type: 'text', text: 'a' }, { type: 'custom', ...options }, { type: 'not-invented-yet' }]) {
      expect(lowerItem(item)).toBe(item)
    }
  })
})
