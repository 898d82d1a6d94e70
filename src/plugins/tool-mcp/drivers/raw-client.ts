import type { JsonObject } from '../../../core/index.ts'
import type { McpCallOptions, McpSkills, McpToolDefinition } from '../port.ts'

/**
 * What remains of a library once its own reading of answers is left out: one request, one answer as it came. Answers are
 * read by us, so that one definition that is wrong does not spoil a whole list, and no schema of a server is compiled.
 */
export interface RawClient {
  readonly protocolVersion: string
  readonly serverInfo: { readonly name: string; readonly version: string }
  readonly capabilities: JsonObject
  readonly instructions: string | undefined
  /** Whether a server tells of changes only on a stream that was asked for. */
  readonly listen: ((filter: JsonObject) => Promise<RawSubscription>) | undefined
  /** Whether definitions with a wrong `x-mcp-header` have to be left out. */
  readonly mirrorsHeaders: boolean
  /** Absent: the library does not know them. */
  readonly skills?: McpSkills
  /** Rejects with whatever the library throws. */
  request(method: string, params: JsonObject, options: RawRequestOptions): Promise<unknown>
  callTool(params: JsonObject, definition: McpToolDefinition | undefined, options: RawRequestOptions): Promise<unknown>
  /** Ends the transport; may throw. */
  close(): Promise<void>
}

/** A stream of changes. */
export interface RawSubscription {
  /** Settles when it has ended; true: by us. */
  readonly closed: Promise<boolean>
  close(): Promise<void>
}

export interface RawRequestOptions {
  readonly signal: AbortSignal | undefined
  readonly onProgress?: McpCallOptions['onProgress']
}

/** Longest time that a timer takes: deadlines are signals, and no limit of a library comes before them. */
export const NO_LIMIT_MS = 2_147_483_647

/** Says yes to everything: what a server describes is checked elsewhere, under a deadline, never compiled in this thread. */
export const ACCEPTS_ALL = {
  getValidator: () => (input: unknown) => ({ valid: true as const, data: input as never, errorMessage: undefined }),
}
