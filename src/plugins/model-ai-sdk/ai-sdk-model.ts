import { type FinishReason, type Model, type ModelCallOptions, type ModelUsage, OpspawnError } from '../../core/index.ts'
import type { Dialect, ForeignModel } from './dialect.ts'
import { liftModel } from './lift.ts'
import type { ModelV2 } from './shapes-v2.ts'
import type { ModelV3 } from './shapes-v3.ts'
import { v2 } from './v2.ts'
import { v3 } from './v3.ts'

/** Options of {@link aiSdkModel}. */
export interface AiSdkModelOptions {
  /**
   * Told once, at the call, when a model has a specification version that is not known and is used as if it were V4.
   * The same stands in the warnings of every answer.
   */
  readonly onWarning?: (message: string) => void
}

/**
 * Makes a {@link Model} of an AI SDK language model of any specification version. V4 models come back as they are; V2
 * and V3 models are lifted, which needs no package of theirs.
 *
 * @throws OpspawnError `MODEL_UNSUPPORTED` for what is not a language model, and for a model id: a string names a
 * gateway's model, and there is no default gateway
 * @example
 * const model = aiSdkModel(createOpenAI({ apiKey })('gpt-5'))
 */
export function aiSdkModel(model: Model | ModelV3 | ModelV2, options: AiSdkModelOptions = {}): Model {
  const { specificationVersion } = requireLanguageModel(model)
  switch (specificationVersion) {
    case 'v4':
      return model as Model
    case 'v3':
      return liftModel(model as ModelV3, v3)
    case 'v2':
      return liftModel(model as ModelV2, v2)
    default: {
      const warning = `model ${(model as Model).provider}/${(model as Model).modelId} has the specification version ${JSON.stringify(specificationVersion) ?? 'none'}, which is not known; it is used as a V4 model`
      options.onWarning?.(warning)
      return liftModel(model as unknown as ForeignModel<ModelCallOptions, FinishReason, ModelUsage>, asV4(warning))
    }
  }
}

/** Changes nothing, but for the warning in every answer. */
function asV4(warning: string): Dialect<ModelCallOptions, FinishReason, ModelUsage> {
  return {
    lower(options, lose) {
      lose('specificationVersion', warning)
      return options
    },
    liftFinish: (finish) => finish,
    liftUsage: (usage) => usage,
    liftWarning: (own) => own,
    liftPart: (part) => part,
  }
}

function requireLanguageModel(value: unknown): { readonly specificationVersion?: unknown } {
  if (typeof value === 'string') {
    throw new OpspawnError(
      'MODEL_UNSUPPORTED',
      `aiSdkModel got the string ${JSON.stringify(value)}; there is no default gateway: pass a model object, as a provider package makes it`,
    )
  }
  const model = (typeof value === 'object' || typeof value === 'function' ? value : undefined) as
    | Partial<Model>
    | null
    | undefined
  if (typeof model?.doGenerate === 'function' && typeof model.doStream === 'function') return model
  const found =
    model === null || model === undefined
      ? String(value)
      : `specification version ${JSON.stringify(model.specificationVersion) ?? 'none'}`
  throw new OpspawnError(
    'MODEL_UNSUPPORTED',
    `aiSdkModel needs a language model with doGenerate and doStream, found ${found}; embedding, image and other models are none`,
  )
}
