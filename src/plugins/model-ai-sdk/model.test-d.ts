/** The shapes of the published specification packages, held against ours. Checked by `tsc`, never run. */
import type {
  EmbeddingModelV4,
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Message,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'
import type { LanguageModelV2, LanguageModelV2CallOptions, LanguageModelV2Message } from '@ai-sdk/provider-v2'
import type { LanguageModelV3, LanguageModelV3CallOptions, LanguageModelV3Message } from '@ai-sdk/provider-v3'
import type { JSONSchema7 } from 'json-schema'
import { describe, expectTypeOf, it } from 'vitest'
import {
  defineAgent,
  type Message,
  type Model,
  type ModelCallOptions,
  type ModelStream,
  type ToolChoice,
} from '../../core/index.ts'
import { aiSdkModel } from './ai-sdk-model.ts'
import type { CallOptionsV2, ModelV2, PartV2 } from './shapes-v2.ts'
import type { CallOptionsV3, ModelV3, PartV3 } from './shapes-v3.ts'

declare const model2: LanguageModelV2
declare const model3: LanguageModelV3
declare const model4: LanguageModelV4
declare const answer: Awaited<ReturnType<Model['doGenerate']>>
declare const embedding: EmbeddingModelV4

/** The parts of messages. */
type PartOf<M extends { content: unknown }> = Exclude<M['content'], string> extends readonly (infer P)[] ? P : never

/**
 * Left out of the comparison is data that we never read and type more widely, or for which the packages have types of
 * their own: provider options, tool arguments, JSON values, and references, which may have no member called `type`.
 */
type Bare<T> = T extends Uint8Array | URL
  ? T
  : T extends { type: 'json' | 'error-json' }
    ? { type: T['type'] }
    : T extends readonly (infer Item)[]
      ? Bare<Item>[]
      : T extends object
        ? { -readonly [K in keyof T as K extends 'providerOptions' | 'input' | 'reference' ? never : K]: Bare<T[K]> }
        : T

it('the specification packages are typed: without the schema types they would be any', () => {
  expectTypeOf<JSONSchema7>().not.toBeAny()
  expectTypeOf<LanguageModelV4CallOptions>().not.toBeAny()
  expectTypeOf<LanguageModelV4['doStream']>().not.toBeAny()
})

describe('V4', () => {
  it('is a model of core as it stands', () => {
    expectTypeOf<LanguageModelV4>().toExtend<Model>()
    expectTypeOf(defineAgent({ name: 'a', model: model4 }).models).toEqualTypeOf<Readonly<Record<string, Model>>>()
    expectTypeOf<ReadableStream<LanguageModelV4StreamPart>>().toExtend<ModelStream>()
    expectTypeOf(aiSdkModel(model4)).toEqualTypeOf<Model>()
  })

  it('takes what the engine calls it with', () => {
    // Left out are members that core types as data without looking in: messages and provider options are told apart below.
    type Told = Omit<ModelCallOptions, 'prompt' | 'providerOptions' | 'tools' | 'responseFormat'>
    expectTypeOf<Told>().toExtend<Omit<LanguageModelV4CallOptions, 'prompt'>>()
    expectTypeOf<keyof ModelCallOptions>().toEqualTypeOf<keyof LanguageModelV4CallOptions>()
    expectTypeOf<Bare<NonNullable<ModelCallOptions['tools']>>>().toExtend<
      Bare<NonNullable<LanguageModelV4CallOptions['tools']>>
    >()
    expectTypeOf<NonNullable<ModelCallOptions['responseFormat']>['type']>().toEqualTypeOf<'text' | 'json'>()
    expectTypeOf<ToolChoice>().toExtend<NonNullable<LanguageModelV4CallOptions['toolChoice']>>()
  })

  it('takes recorded messages, but for the URLs that the engine makes of texts', () => {
    type Recorded = PartOf<Extract<Message, { role: 'user' | 'assistant' | 'tool' }>>
    type Taken = PartOf<Extract<LanguageModelV4Message, { content: unknown[] }>>
    expectTypeOf<Recorded['type']>().toEqualTypeOf<Taken['type']>()
    // Core's reasoning files may hold references and text, V4's only data and URLs.
    expectTypeOf<WithUrls<Bare<Exclude<Recorded, { type: 'reasoning-file' }>>>>().toExtend<Bare<Taken>>()
  })

  it('has the finish reasons that core tells apart', () => {
    type Unified = Extract<LanguageModelV4StreamPart, { type: 'finish' }>['finishReason']['unified']
    expectTypeOf<Unified>().toEqualTypeOf<
      'stop' | 'length' | 'content-filter' | 'tool-calls' | 'error' | 'interrupted' | 'other'
    >()
  })
})

/** Puts URL objects where recorded files have texts, as the engine does. Kinds of custom parts are open in core. */
type WithUrls<T> = T extends { type: 'url'; url: string }
  ? Omit<T, 'url'> & { url: URL }
  : T extends { type: 'custom'; kind: string }
    ? Omit<T, 'kind'> & { kind: `${string}.${string}` }
    : T extends readonly (infer Item)[]
      ? WithUrls<Item>[]
      : T extends object
        ? { [K in keyof T]: WithUrls<T[K]> }
        : T

describe('V3', () => {
  it('is lifted', () => {
    expectTypeOf<LanguageModelV3>().toExtend<ModelV3>()
    expectTypeOf(aiSdkModel(model3)).toEqualTypeOf<Model>()
  })

  it('is called with what it takes', () => {
    type Named = Extract<LanguageModelV3Message, { content: unknown[] }>
    expectTypeOf<Bare<PartV3>>().toExtend<Bare<PartOf<Named>>>()
    expectTypeOf<keyof CallOptionsV3>().toEqualTypeOf<keyof LanguageModelV3CallOptions>()
    expectTypeOf<Bare<NonNullable<CallOptionsV3['tools']>>>().toExtend<Bare<NonNullable<LanguageModelV3CallOptions['tools']>>>()
  })
})

describe('V2', () => {
  it('is lifted', () => {
    expectTypeOf<LanguageModelV2>().toExtend<ModelV2>()
    expectTypeOf(aiSdkModel(model2)).toEqualTypeOf<Model>()
  })

  it('is called with what it takes', () => {
    type Named = Extract<LanguageModelV2Message, { content: unknown[] }>
    expectTypeOf<Bare<PartV2>>().toExtend<Bare<PartOf<Named>>>()
    expectTypeOf<keyof CallOptionsV2>().toEqualTypeOf<keyof LanguageModelV2CallOptions>()
    expectTypeOf<Bare<NonNullable<CallOptionsV2['tools']>>>().toExtend<Bare<NonNullable<LanguageModelV2CallOptions['tools']>>>()
  })

  it('cannot be called with the parts of newer versions', () => {
    expectTypeOf<{ type: 'tool-approval-response'; approvalId: string; approved: boolean }>().not.toExtend<PartV2>()
    expectTypeOf<PartV3>().not.toExtend<PartV2>()
    expectTypeOf<CallOptionsV3>().not.toExtend<CallOptionsV2>()
  })
})

describe('wrong uses', () => {
  it('are errors', () => {
    // @ts-expect-error V3 is not a model of core: it must be lifted
    defineAgent({ name: 'a', model: model3 })
    // @ts-expect-error nor is V2
    defineAgent({ name: 'a', model: model2 })
    // @ts-expect-error there is no default gateway
    aiSdkModel('openai/gpt-5')
    // @ts-expect-error an embedding model generates no text
    aiSdkModel(embedding)
    // @ts-expect-error a version that is not known needs a cast
    aiSdkModel({ ...model4, specificationVersion: 'v9' as const })
    // @ts-expect-error a model needs both ways to be called
    aiSdkModel({ specificationVersion: 'v4', provider: 'p', modelId: 'm', doGenerate: async () => answer })
    // @ts-expect-error there is one option
    aiSdkModel(model4, { onwarning() {} })
  })
})
