import { OpspawnError, type Clock, type OperationOptions } from '../../../core/index.ts'
import type { McpServer } from '../config/servers.ts'
import type { McpConnection, McpEvent } from '../port.ts'
import { backoffMs, MAX_ATTEMPTS } from './backoff.ts'
import { deadline, orAborted } from './deadline.ts'
import type { Masking } from './masking.ts'
import type { McpServerState } from './state.ts'

/** What a link tells besides what its server says. */
export type McpLinkEvent =
  | McpEvent
  | { readonly type: 'state'; readonly state: McpServerState }
  /** Lists and pins have to be read anew: the server may be another one now. */
  | { readonly type: 'ready'; readonly isAgain: boolean }

/** One server as one principal sees it: at most one connection at a time, made anew when it is lost. */
export interface McpLink {
  readonly server: McpServer
  readonly principal: string | undefined
  /** Blots the server's secrets out of a text. */
  readonly masking: Masking
  state(): McpServerState
  /**
   * Does something over the connection, which is made first if there is none. Work that provably did not reach the server,
   * since the connection or its session had ended before, is done once more over a new one; nothing else is.
   *
   * @throws OpspawnError `TOOL_UNAVAILABLE` when there is no connection; else what the work throws, its secrets masked
   * @throws the reason of `options.signal`
   */
  use<T>(work: (connection: McpConnection) => Promise<T>, options?: OperationOptions): Promise<T>
  /** Epoch milliseconds of the last use. */
  lastUsed(): number
  isBusy(): boolean
  close(): Promise<void>
}

/** What a link is made of. */
export interface LinkParts {
  readonly server: McpServer
  readonly principal: string | undefined
  readonly masking: Masking
  readonly clock: Clock
  readonly random: () => number
  /** Opens one connection. */
  readonly open: (signal: AbortSignal, onEvent: (event: McpEvent) => void) => Promise<McpConnection>
  readonly onEvent: (event: McpLinkEvent) => void
}

/** A wait for the next attempt that is no longer than this is waited for; else the caller is told at once. */
const PATIENCE_MS = 2_000
/** A connection that has stood so long was a good one. */
const LASTING_MS = 30_000

type Current = { readonly connection: McpConnection; readonly since: number; uses: number; isRetired: boolean }

/** A link that has done nothing yet. */
export function mcpLink(parts: LinkParts): McpLink {
  const { server, clock, masking } = parts
  const life = new AbortController()
  let current: Current | undefined
  let connecting: Promise<Current> | undefined
  let cancelRetry: (() => void) | undefined
  let uses = 0
  let lastUsed = clock.now()
  let closing: Promise<void> | undefined
  const retired = new Set<Promise<void>>()
  let now: McpServerState = {
    server: server.name,
    principal: parts.principal,
    state: 'idle',
    since: clock.now(),
    lastError: undefined,
    attempts: 0,
    retryAt: undefined,
    protocolVersion: undefined,
    serverInfo: undefined,
    connections: 0,
  }

  const become = (state: McpServerState['state'], changes: Partial<McpServerState> = {}): void => {
    const none = { retryAt: undefined, protocolVersion: undefined, serverInfo: undefined }
    now = { ...now, ...none, ...changes, state, since: clock.now() }
    parts.onEvent({ type: 'state', state: now })
  }

  const went = (error: unknown): OpspawnError => masking.error(error, prefix(server))

  /** After a failed attempt, or the loss of a connection that has not lasted. */
  const setBack = (error: OpspawnError): void => {
    const attempts = now.attempts + 1
    const wait = backoffMs(attempts, parts.random)
    const lastError = { code: error.code, message: error.message, at: clock.now() }
    const isOver = !error.retryable || attempts >= MAX_ATTEMPTS
    become(isOver ? 'failed' : 'backoff', { attempts, lastError, retryAt: clock.now() + wait })
    if (isOver) return
    cancelRetry = clock.setTimer(wait, () => {
      cancelRetry = undefined
      if (now.state === 'backoff') connect().catch(() => undefined) // Its state says it.
    })
  }

  const connect = (): Promise<Current> => (connecting ??= attempt().finally(() => (connecting = undefined)))

  const attempt = async (): Promise<Current> => {
    cancelRetry?.()
    cancelRetry = undefined
    become('connecting')
    const { connectTimeoutMs: ms } = server.limits
    const limit = deadline(clock, ms, life.signal, () => tooSlow(ms))
    let mine: Current | undefined
    let early: McpEvent | undefined
    const onEvent = (event: McpEvent): void => {
      if (event.type !== 'closed') return parts.onEvent(event)
      if (mine === undefined) early = event
      else lost(mine, event)
    }
    try {
      const connection = await orAborted(parts.open(limit.signal, onEvent), limit.signal)
      mine = { connection, since: clock.now(), uses: 0, isRetired: false }
    } catch (error) {
      if (life.signal.aborted) throw closedError(server)
      const failure = went(error)
      setBack(failure)
      throw failure
    } finally {
      limit.end()
    }
    current = mine
    const { protocolVersion, serverInfo } = mine.connection
    become('ready', { protocolVersion, serverInfo, connections: now.connections + 1 })
    parts.onEvent({ type: 'ready', isAgain: now.connections > 1 })
    if (early?.type === 'closed') lost(mine, early)
    return mine
  }

  const lost = (which: Current, event: McpEvent & { readonly type: 'closed' }): void => {
    if (which.isRetired || current !== which || life.signal.aborted) return
    current = undefined
    if (clock.now() - which.since >= LASTING_MS) now = { ...now, attempts: 0 }
    const text = 'The connection was lost'
    const why = event.error === undefined ? new OpspawnError('TOOL_UNAVAILABLE', text) : event.error
    const error = OpspawnError.is(why) ? why : new OpspawnError('TOOL_UNAVAILABLE', text, { cause: why })
    setBack(went(error))
    parts.onEvent(event)
  }

  /** Lets a connection go that is of no use any more, once those who still use it are done. */
  const retire = (which: Current): void => {
    if (which.isRetired) return
    which.isRetired = true
    if (current === which) current = undefined
    letGo(which)
  }

  const letGo = (which: Current): void => {
    if (!which.isRetired || which.uses > 0) return
    const end: Promise<void> = which.connection.close().finally(() => retired.delete(end))
    retired.add(end)
  }

  const obtain = async (signal: AbortSignal | undefined): Promise<Current> => {
    signal?.throwIfAborted()
    if (life.signal.aborted) throw closedError(server)
    if (current !== undefined) return current
    if (connecting === undefined) await wait(signal)
    if (current !== undefined) return current
    return orAborted(connect(), signal)
  }

  const wait = async (signal: AbortSignal | undefined): Promise<void> => {
    const ms = (now.retryAt ?? 0) - clock.now()
    if (ms <= 0) return
    if (ms > PATIENCE_MS) throw notYet(now, ms)
    const limit = deadline(clock, ms, signal, () => undefined)
    const done = AbortSignal.any([limit.signal, life.signal])
    await new Promise<void>((resolve) => done.addEventListener('abort', () => resolve(), { once: true }))
    limit.end()
    signal?.throwIfAborted()
    if (life.signal.aborted) throw closedError(server)
  }

  const once = async <T>(work: (connection: McpConnection) => Promise<T>, mine: Current): Promise<T> => {
    mine.uses += 1
    try {
      return await work(mine.connection)
    } finally {
      mine.uses -= 1
      letGo(mine)
    }
  }

  return {
    server,
    principal: parts.principal,
    masking,
    state: () => now,
    lastUsed: () => lastUsed,
    isBusy: () => uses > 0,
    async use(work, { signal } = {}) {
      uses += 1
      try {
        const mine = await obtain(signal)
        try {
          return await once(work, mine)
        } catch (error) {
          if (signal?.aborted || !neverArrived(error)) throw error
          retire(mine)
          return await once(work, await obtain(signal))
        }
      } catch (error) {
        if (signal?.aborted || isOurs(error, server)) throw error
        throw OpspawnError.is(error) ? went(error) : error
      } finally {
        uses -= 1
        lastUsed = clock.now()
      }
    },
    close: () => (closing ??= close()),
  }

  async function close(): Promise<void> {
    life.abort(closedError(server))
    cancelRetry?.()
    become('closed')
    await connecting?.catch(() => undefined)
    await Promise.all([current?.connection.close(), ...retired])
  }
}

function prefix({ name }: McpServer): string {
  return `MCP server ${JSON.stringify(name)}: `
}

/** Whether it says already which server it is about. */
function isOurs(error: unknown, server: McpServer): boolean {
  return OpspawnError.is(error) && error.message.startsWith(prefix(server))
}

function neverArrived(error: unknown): boolean {
  if (!OpspawnError.is(error, 'TOOL_UNAVAILABLE')) return false
  const reason = (error.details as { readonly reason?: unknown } | undefined)?.reason
  return reason === 'session-expired' || reason === 'connection-ended'
}

function closedError(server: McpServer): OpspawnError {
  return new OpspawnError('TOOL_UNAVAILABLE', `${prefix(server)}its connections have been closed`, { retryable: false })
}

function tooSlow(ms: number): OpspawnError {
  return new OpspawnError('TOOL_UNAVAILABLE', `No connection stood after ${ms} ms (limits.connectTimeoutMs)`)
}

function notYet({ lastError, server }: McpServerState, ms: number): OpspawnError {
  const text = `MCP server ${JSON.stringify(server)}: not tried again for ${ms} ms, since the last attempt failed`
  const last = lastError?.message.replace(`MCP server ${JSON.stringify(server)}: `, '')
  return new OpspawnError('TOOL_UNAVAILABLE', `${text}: ${last}`, { details: { retryAfterMs: ms } })
}
