import type { Json, JsonObject } from './json.ts'

/** Settings and memories of one provider, by provider name; opaque to everybody else. */
export type ProviderOptions = { readonly [provider: string]: JsonObject }

/**
 * A file's content in a recorded message: always JSON.
 *
 * @property type Where the content is.
 * @property data Base64.
 * @property url Where the provider fetches it.
 * @property reference The file's id at each provider that holds it, by provider name.
 * @property text The content itself.
 */
export type FileData =
  | { readonly type: 'data'; readonly data: string }
  | { readonly type: 'url'; readonly url: string }
  | { readonly type: 'reference'; readonly reference: { readonly [provider: string]: string } }
  | { readonly type: 'text'; readonly text: string }

/**
 * What all parts have.
 *
 * @property providerOptions Carried back to the provider unread: thought signatures and cache marks live here.
 */
type Part = { readonly providerOptions?: ProviderOptions }
/**
 * Words.
 *
 * @property type Marks a text.
 * @property text May be empty.
 */
export type TextPart = Part & { readonly type: 'text'; readonly text: string }
/**
 * A file of any media type.
 *
 * @property type Marks a file.
 * @property mediaType Such as `image/png`; the top level alone (`image`) will do where the provider can tell the rest.
 * @property data The content, or where it is.
 * @property filename As the model is told it.
 */
export type FilePart = Part & Readonly<{ type: 'file'; mediaType: string; data: FileData; filename?: string }>
/**
 * What a model says of its thinking.
 *
 * @property type Marks reasoning.
 * @property text May be empty where the provider keeps it secret.
 */
export type ReasoningPart = Part & { readonly type: 'reasoning'; readonly text: string }
/**
 * A file that is part of a model's thinking.
 *
 * @property type Marks a file of reasoning.
 * @property mediaType Such as `image/png`.
 * @property data The content, or where it is.
 */
export type ReasoningFilePart = Part & Readonly<{ type: 'reasoning-file'; mediaType: string; data: FileData }>
/**
 * A provider's own part, `kind` being `<provider>.<type>`.
 *
 * @property type Marks a provider's own part.
 * @property kind `<provider>.<type>`.
 */
export type CustomPart = Part & { readonly type: 'custom'; readonly kind: string }
/**
 * A model asks for a tool.
 *
 * @property providerOptions Carried back to the provider unread.
 */
export interface ToolCallPart extends Part {
  /** Marks a tool call. */
  readonly type: 'tool-call'
  /** Given by the model; the result names it. */
  readonly toolCallId: string
  /** As the model sees it: the alias. */
  readonly toolName: string
  /** The arguments as data, or the raw text where the model's text was not JSON. */
  readonly input: Json
  /** The provider runs this tool itself; its result stands in the same message. */
  readonly providerExecuted?: boolean
}
/**
 * What a tool answered.
 *
 * @property type Marks a tool's result.
 * @property toolCallId Of the call that it answers.
 * @property toolName As the model sees it: the alias.
 * @property output What the model is told.
 */
export type ToolResultPart = Part &
  Readonly<{ type: 'tool-result'; toolCallId: string; toolName: string; output: ToolResultOutput }>
/**
 * A person's answer about a call.
 *
 * @property type Marks an answer to an approval that a provider asked for.
 * @property approvalId Of the provider's request.
 * @property approved `false`: refused.
 * @property reason Told to the model.
 */
export type ToolApprovalResponsePart = Part &
  Readonly<{ type: 'tool-approval-response'; approvalId: string; approved: boolean; reason?: string }>

/**
 * What a model is told about a tool call.
 *
 * @property type What the value is; the forms that begin with `error-` say that the call failed.
 * @property value What the tool gave, or what went wrong.
 * @property value.type Marks a provider's own part.
 * @property reason Why the call was refused.
 */
export type ToolResultOutput = Part &
  (
    | { readonly type: 'text' | 'error-text'; readonly value: string }
    | { readonly type: 'json' | 'error-json'; readonly value: Json }
    | { readonly type: 'execution-denied'; readonly reason?: string }
    | { readonly type: 'content'; readonly value: readonly (TextPart | FilePart | { readonly type: 'custom' })[] }
  )

type AssistantPart = TextPart | FilePart | ReasoningPart | ReasoningFilePart | CustomPart | ToolCallPart | ToolResultPart

/**
 * One message of a conversation as it is recorded: the shape of an AI SDK V4 prompt message, restricted to JSON
 * (files as base64 or URL text). The engine makes the model's form of it.
 *
 * @property role Whose message it is.
 * @property content A text for `system`, parts for all others.
 */
export type Message = Part &
  (
    | { readonly role: 'system'; readonly content: string }
    | { readonly role: 'user'; readonly content: readonly (TextPart | FilePart)[] }
    | { readonly role: 'assistant'; readonly content: readonly AssistantPart[] }
    | { readonly role: 'tool'; readonly content: readonly (ToolResultPart | ToolApprovalResponsePart)[] }
  )

/** A system message. */
export const systemMessage = (text: string): Message => ({ role: 'system', content: text })

/** A user message of one text. */
export const userMessage = (text: string): Message => ({ role: 'user', content: [{ type: 'text', text }] })

/** A user message from a run's input: a string as it is, any other value as JSON text. */
export const inputMessage = (input: Json): Message => userMessage(typeof input === 'string' ? input : JSON.stringify(input))
