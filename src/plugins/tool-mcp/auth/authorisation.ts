import type { OperationOptions } from '../../../core/index.ts'
import type { McpTokenStore } from './token-store.ts'

/**
 * What an OAuth client needs to keep, by principal, server, issuer and resource; and either how a person is asked
 * (`authorize` and `redirectUrl`) or how a token is had without one (`grant`).
 *
 * @property tokens Where tokens are kept.
 * @property redirectUrl Where the person is sent back to.
 * @property scopes What is asked for. @default what the server names
 * @property client.id Given by the authorisation server.
 * @property client.secret Its secret.
 * @property client.issuer The only authorisation server that may see it.
 */
export interface McpAuth {
  /** Kept under this principal alone. */
  readonly principal: string
  readonly tokens: McpTokenStore
  /**
   * Fixed client registration; absent: a client id metadata document, or dynamic registration, whichever the server knows.
   * It is shown only to its `issuer`; where that is not given, only to the first one that the server names.
   */
  readonly client?: { readonly id: string; readonly secret?: string; readonly issuer?: string } | undefined
  /** URL of our client id metadata document. */
  readonly clientMetadataUrl?: string | undefined
  readonly redirectUrl?: string | undefined
  readonly scopes?: readonly string[] | undefined
  /** Tokens are bound to a key of ours, kept beside them, where the authorisation server can do so (RFC 9449). `mcpDriverV2` alone. */
  readonly dpop?: boolean | undefined
  /** Has the person visit the address, and gives the whole address that they were sent back to. */
  readonly authorize?: ((url: string, options: OperationOptions) => Promise<string>) | undefined
  /**
   * Members of the form that asks for a token, each time that one is needed: `grant_type`, and what it takes, such as
   * `client_credentials`, or a JWT of a workload or of an identity provider as `assertion`. Needs `client`; its id, its
   * secret where it has one, and the resource are added.
   */
  readonly grant?:
    | ((request: McpGrantRequest, options: OperationOptions) => Promise<Readonly<Record<string, string>>>)
    | undefined
}

/**
 * For what a token is asked for.
 *
 * @property issuer The authorisation server that will be asked; what is signed for it has this audience.
 * @property resource The server that the token is for.
 * @property scope What the server wants it to allow, where the library tells.
 */
export interface McpGrantRequest {
  readonly issuer: string
  readonly resource: string
  readonly scope: string | undefined
}
