import type { LanguageModelV2 } from '@ai-sdk/provider-v2'
import type { LanguageModelV3 } from '@ai-sdk/provider-v3'
import type { LanguageModelV4 } from '@ai-sdk/provider'
import type { Model } from '../core/index.ts'
import { scriptedModel } from './scripted-model.ts'

const model = scriptedModel(['x'])
export const v2: LanguageModelV2 = model.asV2()
export const v3: LanguageModelV3 = model.asV3()
export const v4: LanguageModelV4 = model
export const own: Model = model
export const fast: Model = scriptedModel(['x'], { fast: true })

// The AI SDK reads web streams only.
// @ts-expect-error
export const notForTheSdk: LanguageModelV4 = scriptedModel(['x'], { fast: true })
// @ts-expect-error
export const notV3: LanguageModelV3 = model
// @ts-expect-error
export const notV2: LanguageModelV2 = model.asV3()
// @ts-expect-error: a fault needs a known name
scriptedModel([{ fault: 'sulk' }])
// @ts-expect-error: slow needs its delay
scriptedModel([{ fault: 'slow', text: 'x' }])
// @ts-expect-error: a misspelt member
scriptedModel([{ txt: 'x' }])
// @ts-expect-error: a misspelt matcher
scriptedModel([{ text: 'x', expect: { lastUserTxt: 'x' } }])
