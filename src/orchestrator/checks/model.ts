import { type Model, OpspawnError } from '../../core/index.ts'

/** Checks that a value is a model. @throws OpspawnError `MODEL_UNSUPPORTED` */
export function requireModel(where: string, value: unknown): asserts value is Model {
  const model = (typeof value === 'object' || typeof value === 'function' ? value : undefined) as
    | Partial<Model>
    | null
    | undefined
  if (model?.specificationVersion === 'v4' && typeof model.doGenerate === 'function' && typeof model.doStream === 'function')
    return
  const found =
    typeof value === 'string'
      ? `the string "${value}"; there is no default gateway, pass a model object`
      : `specification version ${JSON.stringify(model?.specificationVersion) ?? 'none'}`
  throw new OpspawnError(
    'MODEL_UNSUPPORTED',
    `${where} must be an AI SDK LanguageModelV4, found ${found}; lift V2 and V3 models with aiSdkModel() of opspawn/plugins/model-ai-sdk`,
  )
}
