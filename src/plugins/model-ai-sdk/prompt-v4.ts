import type {
  CustomPart,
  FileData,
  FilePart,
  ReasoningFilePart,
  ReasoningPart,
  TextPart,
  ToolApprovalResponsePart,
  ToolCallPart,
  ToolResultOutput,
  ToolResultPart,
} from '../../core/index.ts'

/** File data as a prompt holds it: the recorded form, or bytes and URL objects in place of texts. */
export type FileDataV4 =
  | Extract<FileData, { type: 'reference' | 'text' }>
  | { readonly type: 'data'; readonly data: Uint8Array | string }
  | { readonly type: 'url'; readonly url: URL | string; readonly originalUrl?: string }

/** A file in a message or in a tool's output. */
export type FilePartV4 = Omit<FilePart, 'data'> & { readonly data: FileDataV4 }

/** One item of a tool output of type `content`. */
export type OutputItemV4 = TextPart | FilePartV4 | { readonly type: 'custom'; readonly providerOptions?: object }

/** What a model is told about a tool call. */
export type ToolOutputV4 =
  | Exclude<ToolResultOutput, { type: 'content' }>
  | { readonly type: 'content'; readonly value: readonly OutputItemV4[]; readonly providerOptions?: object }

/** One part of a prompt message. */
export type PartV4 =
  | TextPart
  | FilePartV4
  | ReasoningPart
  | ReasoningFilePart
  | CustomPart
  | ToolCallPart
  | (Omit<ToolResultPart, 'output'> & { readonly output: ToolOutputV4 })
  | ToolApprovalResponsePart
