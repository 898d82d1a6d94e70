import type { Model, ModelPart, ModelResult, ModelStream } from '../../core/index.ts'
import type { Dialect, ForeignModel } from './dialect.ts'
import { createLosses } from './losses.ts'
import { mapStream } from './stream.ts'

/** A V4 model with the one member that the AI SDK's own tools ask for besides. */
export interface LiftedModel extends Model {
  readonly supportedUrls: unknown
}

/**
 * Makes a V4 model of a model that speaks another dialect. The model stays what it is and is called as a method, so
 * that private fields and getters keep their receiver. What a call loses stands in its answer's warnings, before the
 * model's own.
 *
 * A stream that ends without its `finish` part is passed on as it ended: its reader sees that it is not whole, and a
 * finish of our own would only hide what happened.
 */
export function liftModel<Options, Finish, Usage>(
  model: ForeignModel<Options, Finish, Usage>,
  dialect: Dialect<Options, Finish, Usage>,
): LiftedModel {
  return {
    specificationVersion: 'v4',
    get provider() {
      return model.provider
    },
    get modelId() {
      return model.modelId
    },
    get supportedUrls() {
      return model.supportedUrls ?? {}
    },
    async doGenerate(options): Promise<ModelResult> {
      const { add, warnings } = createLosses()
      const result = await model.doGenerate(dialect.lower(options, add))
      return {
        ...result,
        content: result.content.map((part) => dialect.liftPart(part)),
        finishReason: dialect.liftFinish(result.finishReason, false),
        usage: dialect.liftUsage(result.usage, result.providerMetadata ?? undefined),
        warnings: [...warnings, ...result.warnings.map((warning) => dialect.liftWarning(warning))],
      }
    },
    async doStream(options) {
      const { add, warnings } = createLosses()
      const result = await model.doStream(dialect.lower(options, add))
      return { ...result, stream: liftStream(result.stream, dialect, warnings) }
    },
  }
}

function liftStream<Options, Finish, Usage>(
  source: ModelStream,
  dialect: Dialect<Options, Finish, Usage>,
  losses: readonly object[],
): ModelStream {
  // The losses go into the model's own first part, or into one before it where there is none.
  let told = losses.length === 0
  return mapStream(source, (part) => {
    if (part.type === 'stream-start') {
      const before = told ? [] : losses
      told = true
      const own = (part as ModelPart & { warnings: readonly object[] }).warnings.map((warning) => dialect.liftWarning(warning))
      return [{ ...part, warnings: [...before, ...own] } as ModelPart]
    }
    const lifted = liftStreamPart(part, dialect)
    if (told) return [lifted]
    told = true
    return [{ type: 'stream-start', warnings: losses } as ModelPart, lifted]
  })
}

function liftStreamPart<Options, Finish, Usage>(part: ModelPart, dialect: Dialect<Options, Finish, Usage>): ModelPart {
  if (part.type !== 'finish') return dialect.liftPart(part)
  const { finishReason, usage, providerMetadata } = part as ModelPart & {
    finishReason: Finish
    usage: Usage
    providerMetadata?: object
  }
  return {
    ...part,
    finishReason: dialect.liftFinish(finishReason, true),
    usage: dialect.liftUsage(usage, providerMetadata),
  } as ModelPart
}
