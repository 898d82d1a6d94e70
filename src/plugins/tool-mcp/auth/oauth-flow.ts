import { createHash, randomUUID } from 'node:crypto'
import { OpspawnError, type JsonObject } from '../../../core/index.ts'
import type { McpAuth } from './authorisation.ts'
import type { DpopMaker } from './dpop-key.ts'
import { credentialsOf, type Credentials } from './token-keys.ts'

/** The authorisation of one connection. */
export interface OAuthFlow {
  /** In the form that both libraries ask of a provider. */
  readonly provider: OAuthProvider
  /**
   * To be asked when a request has failed. True: a person has authorised, the code was changed into a token by `redeem`, and
   * the request, which the server refused, may be made again.
   */
  finish(redeem: (callback: URLSearchParams) => Promise<void>): Promise<boolean>
}

type Context = { readonly issuer?: string } | undefined

/** What the libraries call. */
export interface OAuthProvider {
  readonly redirectUrl: string | undefined
  readonly clientMetadataUrl?: string
  readonly clientMetadata: JsonObject
  state(): string
  clientInformation(context?: Context): Promise<JsonObject | undefined>
  saveClientInformation(value: JsonObject, context?: Context): Promise<void>
  tokens(context?: Context): Promise<JsonObject | undefined>
  saveTokens(value: JsonObject, context?: Context): Promise<void>
  redirectToAuthorization(url: URL): Promise<void>
  saveCodeVerifier(verifier: string): void
  codeVerifier(): string
  saveResourceUrl(url: string): void
  saveDiscoveryState(state: JsonObject): void
  discoveryState(): JsonObject | undefined
  invalidateCredentials(scope: 'all' | 'client' | 'tokens' | 'verifier' | 'discovery'): Promise<void>
  prepareTokenRequest?(scope?: string): Promise<URLSearchParams>
  dpop?(): Promise<unknown>
}

interface Redirected {
  readonly callback: URLSearchParams
  readonly verifier: string
  readonly discovery: JsonObject | undefined
}

/** What one flow remembers. */
interface FlowState {
  readonly auth: McpAuth
  readonly kept: Credentials
  readonly verifiers: Set<string>
  readonly signal: AbortSignal | undefined
  resource: string
  /** The one that was found last. */
  issuer: string | undefined
  discovery: JsonObject | undefined
  redirected: Redirected | undefined
  redeeming: Redirected | undefined
  /** While a person is asked, and until the code is changed into a token: whoever else needs one waits for that. */
  asking: PromiseWithResolvers<void> | undefined
}

/** What of a flow is its driver's. */
export interface FlowContext {
  readonly serverUrl: string
  readonly clientName: string
  /** Ends the wait for a person. */
  readonly signal: AbortSignal | undefined
  /** Makes what signs requests with a key; absent: the library cannot. */
  readonly dpop: DpopMaker | undefined
}

/** The authorisation of one connection, nobody asked yet. @throws OpspawnError `OPTIONS_INVALID` */
export function oauthFlow(auth: McpAuth, { serverUrl, clientName, signal, dpop }: FlowContext): OAuthFlow {
  requireAuth(auth, dpop)
  const state: FlowState = {
    auth,
    kept: credentialsOf(auth.tokens, auth.principal, serverUrl),
    verifiers: new Set(),
    signal,
    resource: serverUrl,
    issuer: undefined,
    discovery: undefined,
    redirected: undefined,
    redeeming: undefined,
    asking: undefined,
  }
  return {
    provider: {
      ...identityOf(auth, clientName),
      ...credentialsIn(state),
      ...redirectionIn(state),
      ...grantIn(state),
      ...dpopIn(state, dpop),
    },
    async finish(redeem) {
      const { redirected, asking } = state
      if (redirected === undefined) {
        await asking?.promise
        return asking !== undefined
      }
      state.redeeming = redirected
      state.redirected = undefined
      try {
        await redeem(redirected.callback)
        return true
      } finally {
        state.redeeming = undefined
        state.discovery = undefined
        answered(state)
      }
    },
  }
}

function answered(state: FlowState): void {
  state.asking?.resolve()
  state.asking = undefined
  state.verifiers.clear()
}

function identityOf(
  auth: McpAuth,
  clientName: string,
): Pick<OAuthProvider, 'redirectUrl' | 'clientMetadataUrl' | 'clientMetadata' | 'state'> {
  return {
    redirectUrl: auth.redirectUrl,
    ...(auth.clientMetadataUrl !== undefined && { clientMetadataUrl: auth.clientMetadataUrl }),
    clientMetadata: {
      client_name: clientName,
      redirect_uris: auth.redirectUrl === undefined ? [] : [auth.redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      ...(auth.scopes !== undefined && { scope: auth.scopes.join(' ') }),
    },
    state: () => randomUUID(),
  }
}

type Keeping =
  | 'clientInformation'
  | 'saveClientInformation'
  | 'tokens'
  | 'saveTokens'
  | 'saveResourceUrl'
  | 'invalidateCredentials'

function credentialsIn(state: FlowState): Pick<OAuthProvider, Keeping> {
  const { auth, kept } = state
  const place = async (context: Context): Promise<{ issuer: string; resource: string } | undefined> =>
    context?.issuer === undefined ? kept.current() : { issuer: context.issuer, resource: state.resource }
  return {
    async clientInformation(context) {
      const first = (await kept.current())?.issuer
      // The older library does not say for whom it asks: for the issuer that it has just found.
      const named = context?.issuer ?? state.issuer
      const issuer = named ?? first
      const found = issuer === undefined ? undefined : await kept.read('client', issuer, state.resource)
      return found ?? (auth.client && fixedClient(auth.client, named, first))
    },
    async saveClientInformation(value, context) {
      const issuer = issuerOf(value, context)
      await kept.write('client', issuer, state.resource, { ...value, issuer })
    },
    async tokens(context) {
      const at = await place(context)
      return at && (await kept.read('tokens', at.issuer, at.resource))
    },
    async saveTokens(value, context) {
      const issuer = issuerOf(value, context)
      await kept.write('tokens', issuer, state.resource, { ...value, issuer })
      await kept.setCurrent(issuer, state.resource)
    },
    saveResourceUrl: (url) => void (state.resource = url),
    async invalidateCredentials(scope) {
      const at = await kept.current()
      if (at === undefined) return
      if (scope === 'all' || scope === 'client') await kept.remove('client', at.issuer, at.resource)
      if (scope === 'all' || scope === 'tokens') await kept.remove('tokens', at.issuer, at.resource)
    },
  }
}

/** @param first the issuer that the client was first shown to */
function fixedClient(
  { id, secret, issuer }: NonNullable<McpAuth['client']>,
  named: string | undefined,
  first: string | undefined,
): JsonObject {
  const bound = issuer ?? first ?? named
  // What was registered with one authorisation server is not shown to another.
  if (bound !== undefined && named !== undefined && bound !== named) throw otherIssuer(bound, named)
  return {
    client_id: id,
    ...(secret !== undefined && { client_secret: secret }),
    ...(bound !== undefined && { issuer: bound }),
  }
}

type Redirecting = 'redirectToAuthorization' | 'saveCodeVerifier' | 'codeVerifier' | 'saveDiscoveryState' | 'discoveryState'

function redirectionIn(state: FlowState): Pick<OAuthProvider, Redirecting> {
  const { auth, verifiers, signal } = state
  return {
    async redirectToAuthorization(url) {
      if (state.asking !== undefined) return state.asking.promise
      state.asking = Promise.withResolvers<void>()
      const { discovery } = state
      try {
        const answer = URL.parse((await auth.authorize?.(url.href, { signal })) ?? '')
        state.redirected = { callback: checked(answer, url, discovery), verifier: verifierOf(url, verifiers), discovery }
      } catch (error) {
        answered(state)
        throw error
      }
    },
    saveCodeVerifier: (verifier) => void verifiers.add(verifier),
    codeVerifier: () => state.redeeming!.verifier,
    saveDiscoveryState(found) {
      const { authorizationServerUrl: url } = found
      const { issuer = url } = metadataOf(found)
      // The older library does not ask whether they are the same (RFC 8414, 3.3).
      if (issuer !== url && `${issuer as string}/` !== url)
        throw refusal('the authorisation server says that it is another issuer')
      state.issuer = typeof issuer === 'string' ? issuer : undefined
      state.discovery = found
    },
    // What was found once holds only from the way out to the way back: later, the server may trust somebody else.
    discoveryState: () => state.redeeming?.discovery,
  }
}

/** A token without a person: what the library asks in the place of a code. */
function grantIn(state: FlowState): Pick<OAuthProvider, 'prepareTokenRequest'> {
  const { auth, signal } = state
  if (auth.grant === undefined) return {}
  return {
    async prepareTokenRequest(scope) {
      const { issuer = '', resource } = state
      return new URLSearchParams(await auth.grant?.({ issuer, resource, scope }, { signal }))
    },
  }
}

/** One for the life of the flow: it remembers what servers want signed next. */
function dpopIn({ auth, kept }: FlowState, make: DpopMaker | undefined): Pick<OAuthProvider, 'dpop'> {
  let made: Promise<unknown> | undefined
  return auth.dpop === true && make !== undefined ? { dpop: () => (made ??= make(kept)) } : {}
}

/** @throws OpspawnError `OPTIONS_INVALID` */
function requireAuth({ authorize, redirectUrl, grant, client, dpop }: McpAuth, make: DpopMaker | undefined): void {
  const asksPerson = authorize !== undefined && redirectUrl !== undefined && grant === undefined
  const asksNobody = grant !== undefined && client !== undefined && authorize === undefined && redirectUrl === undefined
  if (!asksPerson && !asksNobody)
    throw new OpspawnError(
      'OPTIONS_INVALID',
      'auth of an MCP server needs authorize and redirectUrl, or grant and client, and not both',
    )
  if (dpop === true && make === undefined)
    throw new OpspawnError('OPTIONS_INVALID', 'auth.dpop needs mcpDriverV2: the older library cannot sign requests')
}

function issuerOf(value: JsonObject, context: Context): string {
  const issuer = context?.issuer ?? value['issuer']
  if (typeof issuer === 'string') return issuer
  throw new OpspawnError('INTERNAL', 'Credentials came without the issuer that they belong to')
}

function otherIssuer(bound: string, named: string): OpspawnError {
  const text = `The server names the authorisation server ${named}; the configured client is registered with ${bound}, and is not shown to another`
  return new OpspawnError('TOOL_FAILED', text, { details: { bound, named } })
}

/** The parameters with which a person came back, if they come from where they were sent to (RFC 9207). */
function checked(answer: URL | null, sent: URL, discovery: JsonObject | undefined): URLSearchParams {
  if (answer === null) throw refusal('what auth.authorize gave is not an address')
  if (answer.searchParams.get('state') !== sent.searchParams.get('state')) {
    throw refusal('the address has another state than the one that was sent: it belongs to another request')
  }
  const { issuer, authorization_response_iss_parameter_supported: isPromised } = metadataOf(discovery)
  const named = answer.searchParams.get('iss')
  // As it is written; nothing of what came back is shown: it may be anybody's text.
  if (issuer !== undefined && (named === null ? isPromised === true : named !== issuer)) {
    throw refusal(
      `the address ${named === null ? 'does not name its issuer' : 'names another issuer than the one that was asked'}`,
    )
  }
  return answer.searchParams
}

/** What an authorisation server says of itself, where it says anything. */
function metadataOf(discovery: JsonObject | undefined): JsonObject {
  return (discovery?.['authorizationServerMetadata'] ?? {}) as JsonObject
}

function refusal(why: string): OpspawnError {
  return new OpspawnError('TOOL_FAILED', `Authorisation failed: ${why}`)
}

/** Of the verifiers at hand the one whose challenge was sent. */
function verifierOf(url: URL, verifiers: ReadonlySet<string>): string {
  const challenge = url.searchParams.get('code_challenge')
  const found = [...verifiers].find((one) => createHash('sha256').update(one).digest('base64url') === challenge)
  if (found === undefined || url.searchParams.get('code_challenge_method') !== 'S256') {
    throw refusal('the request carries no challenge of the kind S256')
  }
  return found
}
