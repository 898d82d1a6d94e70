import { OpspawnError, type Clock, type OperationOptions } from '../../../core/index.ts'
import type { McpServer } from '../config/servers.ts'
import type { McpConnection, McpEvent } from '../port.ts'
import { deadline, orAborted, type Deadline } from '../deadline.ts'
import { retirement, type Held } from './held.ts'
import { closedFailure, lossOf, neverArrived, prefix, slowFailure } from './link-failures.ts'
import type { Masking } from './masking.ts'
import { retryOf } from './retry.ts'
import { idleState, stateBox, type McpServerState, type StateBox } from './state.ts'

/**
 * What a link tells besides what its server says.
 *
 * @property type What happened.
 * @property state How it stands now.
 * @property isAgain There was a connection before.
 */
export type McpLinkEvent =
  | McpEvent
  | { readonly type: 'state'; readonly state: McpServerState }
  /** Lists and pins have to be read anew: the server may be another one now. */
  | { readonly type: 'ready'; readonly isAgain: boolean }

/**
 * One server as one principal sees it: at most one connection at a time, made anew when it is lost.
 *
 * @property server Its configuration.
 * @property principal Who it is for; undefined: everybody.
 * @property state How it stands with the connection.
 * @property isBusy Whether something is under way.
 * @property close Ends the connection, and lets none be made.
 */
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
  /** Opens one connection, within a limit of time. */
  readonly open: (limit: Deadline, onEvent: (event: McpEvent) => void) => Promise<McpConnection>
  readonly onEvent: (event: McpLinkEvent) => void
}

/** A connection that has stood so long was a good one. */
const LASTING_MS = 30_000

/** A link that has done nothing yet. */
export function mcpLink(parts: LinkParts): McpLink {
  const { server, clock, masking, principal } = parts
  const machine = linkMachine(parts)
  let uses = 0
  let lastUsed = clock.now()
  return {
    server,
    principal,
    masking,
    state: () => machine.state(),
    lastUsed: () => lastUsed,
    isBusy: () => uses > 0,
    async use(work, { signal } = {}) {
      uses += 1
      try {
        return await machine.use(work, signal)
      } catch (error) {
        const isTold = OpspawnError.is(error) && !error.message.startsWith(prefix(server.name))
        throw isTold && !signal?.aborted ? masking.error(error, prefix(server.name)) : error
      } finally {
        uses -= 1
        lastUsed = clock.now()
      }
    },
    close: () => machine.close(),
  }
}

interface Machine {
  state(): McpServerState
  use<T>(work: (connection: McpConnection) => Promise<T>, signal: AbortSignal | undefined): Promise<T>
  close(): Promise<void>
}

function linkMachine(parts: LinkParts): Machine {
  const { server, clock, masking } = parts
  const life = new AbortController()
  const first = idleState(server.name, parts.principal, clock.now())
  const box = stateBox(first, clock, (state) => parts.onEvent({ type: 'state', state }))
  const retired = retirement()
  let current: Held | undefined
  let connecting: Promise<Held> | undefined
  let closing: Promise<void> | undefined
  const again = (): void => void connect().catch(() => undefined) // Its state says it.
  const retry = retryOf({ ...parts, box, life: life.signal, again })

  const connect = (): Promise<Held> => {
    retry.cancel()
    return (connecting ??= attempt().finally(() => (connecting = undefined)))
  }

  const attempt = async (): Promise<Held> => {
    try {
      return (current = await openOne(parts, box, life.signal, lost))
    } catch (error) {
      if (life.signal.aborted) throw closedFailure(server.name)
      throw retry.setBack(masking.error(error, prefix(server.name)))
    }
  }

  const lost = (held: Held, event: McpEvent & { readonly type: 'closed' }): void => {
    if (held.isRetired || life.signal.aborted) return
    if (current === held) current = undefined
    if (hasLasted(held, clock)) box.amend({ attempts: 0 })
    retry.setBack(masking.error(lossOf(event.error), prefix(server.name)))
    parts.onEvent({ type: 'closed' })
  }

  const obtain = async (signal: AbortSignal | undefined): Promise<Held> => {
    signal?.throwIfAborted()
    if (life.signal.aborted) throw closedFailure(server.name)
    if (current === undefined && connecting === undefined) await retry.wait(signal)
    return current ?? orAborted(connect(), signal)
  }

  const end = async (): Promise<void> => {
    life.abort(closedFailure(server.name))
    retry.cancel()
    box.become('closed')
    await connecting?.catch(() => undefined)
    await Promise.all([current?.connection.close(), retired.ended()])
  }

  return {
    state: () => box.now(),
    async use(work, signal) {
      const held = await obtain(signal)
      try {
        return await retired.during(held, work)
      } catch (error) {
        if (signal?.aborted || !neverArrived(error)) throw error
        if (current === held) current = undefined
        retired.retire(held)
        return retired.during(await obtain(signal), work)
      }
    },
    close: () => (closing ??= end()),
  }
}

function hasLasted(held: Held, clock: Clock): boolean {
  return clock.now() - held.since >= LASTING_MS
}

/** One attempt, within the limit of its server. What `onLost` is told begins when the connection stands. */
async function openOne(
  parts: LinkParts,
  box: StateBox,
  life: AbortSignal,
  onLost: (held: Held, event: McpEvent & { readonly type: 'closed' }) => void,
): Promise<Held> {
  const { server, clock } = parts
  box.become('connecting')
  const { connectTimeoutMs: ms } = server.limits
  const limit = deadline(clock, { ms }, life, () => slowFailure(ms))
  let held: Held | undefined
  let early: (McpEvent & { readonly type: 'closed' }) | undefined
  const onEvent = (event: McpEvent): void => {
    if (event.type !== 'closed') return parts.onEvent(event)
    if (held === undefined) early = event
    else onLost(held, event)
  }
  try {
    const connection = await orAborted(parts.open(limit, onEvent), limit.signal)
    held = { connection, since: clock.now(), uses: 0, isRetired: false }
  } finally {
    limit.end()
  }
  if (early !== undefined) throw lossOf(early.error)
  const { protocolVersion, serverInfo } = held.connection
  const connections = box.now().connections + 1
  box.become('ready', { protocolVersion, serverInfo, connections })
  parts.onEvent({ type: 'ready', isAgain: connections > 1 })
  return held
}
