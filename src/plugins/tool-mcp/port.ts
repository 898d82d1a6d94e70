import type { Json, JsonObject, OperationOptions } from '../../core/index.ts'
import type { McpAuth } from './auth/authorisation.ts'

/**
 * What this plugin needs of a library that speaks MCP, in our own words. Two drivers fill it; nothing of either library
 * is seen outside of its driver.
 */
export interface McpDriver {
  /** For messages and the state of a server. */
  readonly name: string
  /**
   * Opens one connection: one client, one transport, never used again after it has closed.
   *
   * @throws OpspawnError `TOOL_UNAVAILABLE` when there is no server that speaks a known version; `PLUGIN_PACKAGE_MISSING`
   */
  connect(server: McpEndpoint, options: McpConnectOptions): Promise<McpConnection>
}

/**
 * Where a server is, all references to the environment resolved.
 *
 * @property kind A program, or an address.
 * @property command The program; no shell is involved.
 * @property args Its arguments.
 * @property cwd The folder that it is started in; undefined: that of this process.
 * @property url Its address.
 */
export type McpEndpoint =
  | {
      readonly kind: 'stdio'
      readonly command: string
      readonly args: readonly string[]
      /** All that the process gets; nothing is inherited besides. */
      readonly env: Readonly<Record<string, string>>
      readonly cwd: string | undefined
    }
  | {
      readonly kind: 'http'
      readonly url: string
      /** Sent to this address alone: neither to where it redirects to nor to its authorisation server. */
      readonly headers: Readonly<Record<string, string>>
      /** Every request of this connection goes through it, those for authorisation included. */
      readonly fetch: typeof fetch
    }

/** What a connection is opened with. */
export interface McpConnectOptions extends OperationOptions {
  /** Answers what a server asks for in the middle of a call. What has no handler is not declared as a capability. */
  readonly handlers: McpHandlers
  /** Told of what a server says by itself. Must not throw. */
  readonly onEvent: (event: McpEvent) => void
  /** Largest single message in bytes; a larger one fails its own call alone. */
  readonly maxMessageBytes: number
  /** Pages of a list that are fetched at most. */
  readonly maxPages: number
  /** Tokens and registration for servers that want them; absent: none are sent. */
  readonly auth?: McpAuth | undefined
}

/**
 * Answers to a server's own requests.
 *
 * @property elicit Asks a person.
 * @property sample Asks a model; as the protocol writes it.
 * @property roots Folders that the server may know of.
 * @property roots.uri Address of a folder.
 * @property roots.name What people call it.
 */
export interface McpHandlers {
  readonly elicit?: ((request: McpElicitation, options: OperationOptions) => Promise<McpElicitationAnswer>) | undefined
  readonly sample?: ((request: JsonObject, options: OperationOptions) => Promise<JsonObject>) | undefined
  readonly roots?: (() => Promise<readonly { readonly uri: string; readonly name?: string }[]>) | undefined
}

/**
 * A server asks a person, by a form or by a page to visit. The page is never fetched here.
 *
 * @property mode A form to fill in, or a page to visit.
 * @property message What the server wants to know, in its words.
 * @property schema JSON Schema of the form.
 * @property url The whole address of the page.
 * @property host Its host, to be shown.
 */
export type McpElicitation =
  | { readonly mode: 'form'; readonly message: string; readonly schema: JsonObject }
  | { readonly mode: 'url'; readonly message: string; readonly url: string; readonly host: string }

/**
 * What the person said.
 *
 * @property action What the person did.
 * @property content What was filled in.
 */
export type McpElicitationAnswer =
  | { readonly action: 'accept'; readonly content?: JsonObject }
  | { readonly action: 'decline' | 'cancel' }

/**
 * What a server, or the connection to it, says by itself.
 *
 * @property type What happened.
 * @property what Which list has changed.
 * @property uri Of the resource.
 * @property level As the server calls it.
 * @property data What it says.
 * @property logger What of it speaks.
 * @property error Why it closed, if it was not asked to.
 */
export type McpEvent =
  | { readonly type: 'changed'; readonly what: 'tools' | 'resources' | 'prompts' }
  | { readonly type: 'resource-updated'; readonly uri: string }
  | { readonly type: 'log'; readonly level: string; readonly data: Json; readonly logger?: string }
  | { readonly type: 'closed'; readonly error?: unknown }

/**
 * One open connection to one server, for one principal.
 *
 * @property serverInfo What the server says that it is; nothing is decided by it.
 * @property serverInfo.name Its name.
 * @property serverInfo.version Its version.
 * @property instructions What it says of itself.
 * @property listResources All pages of resources.
 * @property listResourceTemplates All pages of forms of addresses.
 * @property listPrompts All pages of prompts.
 * @property readResource What stands at an address.
 * @property getPrompt A prompt, filled in.
 * @property complete What could be typed on.
 * @property complete.values Proposals.
 * @property complete.total How many there are in all.
 * @property complete.hasMore There are others.
 * @property subscribe Asks to be told of changes of a resource.
 * @property unsubscribe Ends that.
 */
export interface McpConnection {
  /** Such as `2026-07-28`. */
  readonly protocolVersion: string
  readonly serverInfo: { readonly name: string; readonly version: string }
  /** As the server declared them. */
  readonly capabilities: JsonObject
  readonly instructions: string | undefined
  /** All pages, as they came: nothing in a definition is trusted. One that cannot be read at all stands in `broken`. */
  listTools(options?: OperationOptions): Promise<McpList<McpToolDefinition>>
  listResources(options?: OperationOptions): Promise<McpList<McpResource>>
  listResourceTemplates(options?: OperationOptions): Promise<McpList<McpResourceTemplate>>
  listPrompts(options?: OperationOptions): Promise<McpList<McpPrompt>>
  /**
   * Calls a tool once. Never sent a second time by the driver.
   *
   * @throws OpspawnError `TOOL_UNAVAILABLE` when the request provably never left; `TOOL_FAILED` for a protocol error (its
   * code in details); `EFFECT_UNKNOWN` when the connection broke with the call under way; `PAYLOAD_TOO_LARGE`
   * @throws the reason of `options.signal`, after the server was told
   */
  callTool(name: string, input: JsonObject, options?: McpCallOptions): Promise<McpToolResult>
  readResource(uri: string, options?: OperationOptions): Promise<readonly McpContents[]>
  getPrompt(name: string, input: Readonly<Record<string, string>>, options?: OperationOptions): Promise<McpPromptResult>
  complete(
    of: McpCompletionTarget,
    options?: OperationOptions,
  ): Promise<{ readonly values: readonly string[]; readonly total?: number; readonly hasMore?: boolean }>
  subscribe(uri: string, options?: OperationOptions): Promise<void>
  unsubscribe(uri: string, options?: OperationOptions): Promise<void>
  /** Absent: the driver does not know that extension. */
  readonly skills?: McpSkills | undefined
  /** Ends the transport, and with it the process of a stdio server and all that it started. Never throws. */
  close(): Promise<void>
}

/** Skills of a server: folders of instructions (extension `io.modelcontextprotocol/skills`, not yet stable). Nothing is read ahead of need. */
export interface McpSkills {
  /** What there is; none where the server does not know the extension. @throws OpspawnError `TOOL_OUTPUT_INVALID` for entries that are not as they should be */
  list(options?: OperationOptions): Promise<readonly McpSkill[]>
  /**
   * One file of a skill, by its path in it; without, its `SKILL.md`. What differs from the entry of the skill in size, digest
   * or frontmatter is not given.
   *
   * @throws OpspawnError `TOOL_OUTPUT_INVALID` for such a file, or one that the entry does not have; `TOOL_FAILED`
   */
  read(uri: string, file?: string, options?: OperationOptions): Promise<McpSkillFile>
}

/**
 * A skill, as its server lists it.
 *
 * @property uri Of its `SKILL.md`.
 * @property name For people and models.
 * @property description What it is for.
 */
export interface McpSkill {
  readonly uri: string
  readonly name: string
  readonly description: string
}

/**
 * A file of a skill.
 *
 * @property uri Where it stands.
 * @property bytes All of it.
 */
export interface McpSkillFile {
  readonly uri: string
  readonly bytes: Uint8Array
  /** Size and digest are those of the entry; false where the server makes the files up as they are read. */
  readonly isVerified: boolean
}

/**
 * A call's options.
 *
 * @property onProgress Told of each step that the server tells.
 */
export interface McpCallOptions extends OperationOptions {
  readonly onProgress?:
    | ((progress: { readonly progress: number; readonly total?: number; readonly message?: string }) => void)
    | undefined
  /** W3C trace context and whatever else belongs into `_meta`. */
  readonly meta?: JsonObject | undefined
}

/**
 * A whole list.
 *
 * @property items In the server's order.
 * @property broken.name If it has one.
 * @property broken.problem In words.
 */
export interface McpList<T> {
  readonly items: readonly T[]
  /** What could not be read: at which place, and why. */
  readonly broken: readonly { readonly name: string | undefined; readonly problem: string }[]
}

/**
 * A tool as its server describes it.
 *
 * @property name As the server calls it.
 * @property title For people.
 * @property description For models.
 * @property inputSchema JSON Schema of the arguments.
 * @property outputSchema JSON Schema of `structuredContent`.
 * @property execution How it wants to be called.
 */
export interface McpToolDefinition {
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly inputSchema: JsonObject
  readonly outputSchema?: JsonObject
  /** Hints of the server, believed by nobody: `readOnlyHint`, `destructiveHint`, `idempotentHint`, `openWorldHint`. */
  readonly annotations?: JsonObject
  readonly execution?: JsonObject
}

/**
 * What a tool gave.
 *
 * @property content For models.
 * @property structuredContent For programs.
 * @property isError It says that it failed.
 */
export interface McpToolResult {
  readonly content: readonly McpContent[]
  readonly structuredContent?: Json
  readonly isError: boolean
}

/**
 * One piece of a result; of kinds that are not known, all that came.
 *
 * @property type What kind of piece.
 * @property text Plain text.
 * @property data In base64.
 * @property mimeType As the server calls it.
 * @property resource What stands at an address, put in.
 * @property uri An address; never followed.
 * @property name Of what stands there.
 * @property description Of what stands there.
 * @property value All that came.
 */
export type McpContent =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image' | 'audio'; readonly data: string; readonly mimeType: string }
  | { readonly type: 'resource'; readonly resource: McpContents }
  | {
      readonly type: 'resource_link'
      readonly uri: string
      readonly name: string
      readonly description?: string
      readonly mimeType?: string
    }
  | { readonly type: 'unknown'; readonly value: Json }

/**
 * What stands at an address: text, or base64.
 *
 * @property uri The address.
 * @property mimeType As the server calls it.
 * @property text Where it is text.
 * @property blob Else, in base64.
 */
export interface McpContents {
  readonly uri: string
  readonly mimeType?: string
  readonly text?: string
  readonly blob?: string
}

/**
 * Something that can be read, by address.
 *
 * @property uri Its address.
 * @property name For programs.
 * @property title For people.
 * @property description For models.
 * @property mimeType As the server calls it.
 * @property size In bytes.
 */
export interface McpResource {
  readonly uri: string
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly mimeType?: string
  readonly size?: number
}

/**
 * A form of addresses.
 *
 * @property uriTemplate With places to fill in (RFC 6570).
 * @property name For programs.
 * @property title For people.
 * @property description For models.
 * @property mimeType Of what stands there.
 */
export interface McpResourceTemplate {
  readonly uriTemplate: string
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly mimeType?: string
}

/**
 * A text with places to fill in.
 *
 * @property name For programs.
 * @property title For people.
 * @property description What it is for.
 * @property arguments What is filled in.
 * @property arguments.name Of the argument.
 * @property arguments.description What it is.
 * @property arguments.required Whether it must be given.
 */
export interface McpPrompt {
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly arguments: readonly { readonly name: string; readonly description?: string; readonly required: boolean }[]
}

/**
 * A prompt, filled in.
 *
 * @property description What it is for.
 * @property messages In order.
 * @property messages.role Who says it.
 * @property messages.content What is said.
 */
export interface McpPromptResult {
  readonly description?: string
  readonly messages: readonly { readonly role: 'user' | 'assistant'; readonly content: McpContent }[]
}

/**
 * What is being typed, and of what.
 *
 * @property of A prompt, or a form of addresses.
 * @property of.prompt Its name.
 * @property of.resource The form.
 * @property argument The argument that is being typed.
 * @property value What stands there so far.
 */
export interface McpCompletionTarget {
  readonly of: { readonly prompt: string } | { readonly resource: string }
  readonly argument: string
  readonly value: string
  /** Other arguments that are already known. */
  readonly known?: Readonly<Record<string, string>>
}
