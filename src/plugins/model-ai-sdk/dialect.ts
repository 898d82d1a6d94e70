import type { FinishReason, ModelCallOptions, ModelPart, ModelResult, ModelStream, ModelUsage } from '../../core/index.ts'
import type { Lose } from './losses.ts'

/** What a model of another specification version answers: as in V4, except how it says why it stopped and what it used. */
export interface ForeignResult<Finish, Usage> extends Omit<ModelResult, 'finishReason' | 'usage' | 'structuredOutputText'> {
  /** Why the model stopped, in the words of its version. */
  readonly finishReason: Finish
  /** What the call used, in the form of its version. */
  readonly usage: Usage
}

/** A model of another specification version, by structure. */
export interface ForeignModel<Options, Finish, Usage> {
  /** Provider id, as in V4. */
  readonly provider: string
  /** The provider's name of the model, as in V4. */
  readonly modelId: string
  /** Passed through unread. */
  readonly supportedUrls?: unknown
  /** One call, answered in one piece. */
  doGenerate(options: Options): PromiseLike<ForeignResult<Finish, Usage>>
  /**
   * One call, answered part by part.
   *
   * @property stream A web stream or an async iterable of parts.
   */
  doStream(options: Options): PromiseLike<{ stream: ModelStream }>
}

/** How one specification version is spoken: pure functions, options down to the model and results up from it. */
export interface Dialect<Options, Finish, Usage> {
  /** Makes the model's own call options; says what could not be told. Never changes what it is given. */
  lower(options: ModelCallOptions, lose: Lose): Options
  /** @param streamed whether the reason ended a stream, where some values mean that it was cut */
  liftFinish(finish: Finish, streamed: boolean): FinishReason
  /** @param metadata the provider metadata that came with the usage */
  liftUsage(usage: Usage, metadata: object | undefined): ModelUsage
  liftWarning(warning: object): object
  /** Lifts a content part, of an answer or of a stream. Unknown parts come out as they are. */
  liftPart(part: ModelPart): ModelPart
}
