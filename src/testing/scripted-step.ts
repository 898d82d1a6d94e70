import type { Clock, Model, ModelCallOptions, ModelPart, ModelStream } from '../core/index.ts'
import type { CallExpectation } from './scripted-expect.ts'
import type { V2Model, V3Model, V4Result, V4StreamPart } from './scripted-shapes.ts'

/** A tool call in an answer. */
export interface ScriptedToolCall {
  /** The tool, as the model sees it. */
  readonly name: string
  /** A string is the model's own text, taken as it is, so that it may be broken; any other value is written as JSON. */
  readonly input?: unknown
  /** @default 'call-1-1' for the first tool call of the script's first answer, and so on */
  readonly id?: string
}

/** Token counts of an answer. What is left out is unknown. */
export interface ScriptedUsage {
  /** Of the prompt, with what was cached. */
  readonly inputTokens?: number
  /** Of the answer, with the reasoning. */
  readonly outputTokens?: number
  /** Of the input: read from a cache. */
  readonly cacheRead?: number
  /** Of the input: written to a cache. */
  readonly cacheWrite?: number
  /** Of the output: spent on reasoning. */
  readonly reasoning?: number
}

/** How a text is cut into deltas: at words, not at all, after so many characters, or by a function. */
export type DeltaCut = 'words' | 'whole' | number | ((text: string) => readonly string[])

/** What every step may say. */
export interface StepContent {
  /** Comes first, as one block. */
  readonly reasoning?: string
  /** Comes behind the reasoning, as one block. */
  readonly text?: string
  /** Come last, in order. */
  readonly toolCalls?: readonly ScriptedToolCall[]
  /** Raw parts of the V4 specification in place of the three above. Parts of unknown types pass through. */
  readonly content?: readonly (ModelPart & Readonly<Record<string, unknown>>)[]
  /** `unreported`: nothing is known. @default that of the model's options, unless the fault leaves it unknown */
  readonly usage?: ScriptedUsage | 'unreported'
  /** @default 'words' */
  readonly deltas?: DeltaCut
  /** The deltas of all blocks are mixed, one of each in turn. @default false */
  readonly interleave?: boolean
  /** Wait before the answer, or before the first part of a stream. An abort ends it. */
  readonly delayMs?: number
  /** What the call must ask; otherwise it is refused and the step stays. */
  readonly expect?: CallExpectation
}

/** An answer. */
export interface AnswerStep extends StepContent {
  /** Never there: with one it is a {@link FaultStep}. */
  readonly fault?: undefined
  /** @default 'tool-calls' with tool calls of ours in it, else 'stop' */
  readonly finishReason?: string
  /** Text to parse for a structured answer where the provider keeps it apart. */
  readonly structuredOutputText?: string
}

/**
 * Something that goes wrong. What the step says besides comes first where the fault can come later:
 * - `rate-limit` (429), `server-error` (500): the call rejects with an error shaped like the AI SDK's; with content, a
 *   stream gives that, then an `error` part and the finish reason `error`;
 * - `truncated`: the stream ends with its last block open and no finish; `doGenerate` rejects like a torn connection;
 * - `interrupted`: the finish reason is `interrupted`, usage is unknown, and the last tool call's input is cut in half;
 * - `slow`: an ordinary answer after `delayMs`;
 * - `hang`: never settles before an abort; with content, the stream hangs behind it;
 * - `bad-json`: a call of `toolName` (or of the first tool on offer) with half a JSON; text when there is no tool;
 * - `throw`: rejects with any value; with content, a read of the stream rejects behind it.
 *
 * @property fault What goes wrong.
 * @property retryAfterMs Milliseconds that the error asks to wait; absent: it asks for nothing.
 * @property delayMs Wait before the answer, in milliseconds.
 * @property toolName The tool to call; absent: the first on offer.
 * @property value What is thrown.
 */
export type FaultStep = StepContent &
  (
    | { readonly fault: 'rate-limit'; readonly retryAfterMs?: number }
    | { readonly fault: 'server-error' | 'truncated' | 'interrupted' | 'hang' }
    | { readonly fault: 'slow'; readonly delayMs: number }
    | { readonly fault: 'bad-json'; readonly toolName?: string }
    | { readonly fault: 'throw'; readonly value: unknown }
  )

/** One answer of a script, as data. A string is an answer of that text. */
export type FixedStep = string | AnswerStep | FaultStep

/** One answer of a script, or a function of the call that makes it. `index` counts calls from 0. */
export type ScriptedStep = FixedStep | ((options: ModelCallOptions, index: number) => FixedStep | PromiseLike<FixedStep>)

/** Options of `scriptedModel`. */
export interface ScriptedModelOptions {
  /** Answers every call beyond the script with its last step. @default false */
  readonly repeat?: boolean
  /** @default 'scripted' */
  readonly provider?: string
  /** @default 'scripted' */
  readonly modelId?: string
  /** Of answers that say nothing else. @default { inputTokens: 10, outputTokens: 5 } */
  readonly usage?: ScriptedUsage | 'unreported'
  /** Of answers that say nothing else. @default 'words' */
  readonly deltas?: DeltaCut
  /** Keeps a copy of what each call asked in `calls`. @default true */
  readonly record?: boolean
  /** Streams are plain async iterables: cheaper, for benchmarks. The engine takes both, the AI SDK only web streams. @default false */
  readonly fast?: boolean
  /** Where delays come from. @default real time */
  readonly clock?: Pick<Clock, 'setTimer'>
}

/** A call that a scripted model received. */
export interface ScriptedModelCall {
  /** From 0. */
  readonly index: number
  /** Which of the two calls it was. */
  readonly method: 'generate' | 'stream'
  /** The form of the model that was called. */
  readonly version: 'v2' | 'v3' | 'v4'
  /** A copy of what was asked; only the abort signal is the caller's own. */
  readonly options: ModelCallOptions
}

/** A model that answers from a script. */
export interface ScriptedModel<Stream extends ModelStream = ReadableStream<V4StreamPart>> extends Model {
  /** Empty: the script fetches nothing. */
  readonly supportedUrls: Record<string, RegExp[]>
  /** Answers with the next step of the script, in one piece. */
  doGenerate(options: ModelCallOptions): Promise<V4Result>
  /**
   * Answers with the next step of the script, part by part.
   *
   * @property stream To be read once.
   */
  doStream(options: ModelCallOptions): Promise<{ stream: Stream }>
  /** What was asked so far, oldest first, refused calls included. Empty with `record: false`. */
  readonly calls: readonly ScriptedModelCall[]
  /** Throws when a step was not used, or a call was refused. */
  assertComplete(): void
  /** The same script as an AI SDK V2 model. All forms share one position. */
  asV2(): V2Model
  /** The same script as an AI SDK V3 model. */
  asV3(): V3Model
}
