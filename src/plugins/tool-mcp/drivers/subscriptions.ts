import { OpspawnError, type Clock, type JsonObject, type OperationOptions } from '../../../core/index.ts'
import type { RawClient, RawSubscription } from './raw-client.ts'

/** Keeps a connection told of changes, in the way of its protocol version. */
export interface Subscriptions {
  /** Asks for the changes of lists, where that has to be asked for. */
  begin(): Promise<void>
  add(uri: string, options?: OperationOptions): Promise<void>
  remove(uri: string, options?: OperationOptions): Promise<void>
  /** Ends the stream. Never throws. */
  end(): Promise<void>
}

const FIRST_DELAY_MS = 500
const MAX_DELAY_MS = 30_000

/** For one client. A stream that ends by itself is opened again, later each time. */
export function subscriptionsOf(
  client: RawClient,
  clock: Clock,
  onLost: (error: unknown) => void,
  signal: AbortSignal,
): Subscriptions {
  return client.listen === undefined
    ? bySubscribing(client)
    : byListening(client.capabilities, client.listen, clock, onLost, signal)
}

function bySubscribing(client: RawClient): Subscriptions {
  return {
    begin: async () => undefined,
    add: async (uri, { signal } = {}) => void (await client.request('resources/subscribe', { uri }, { signal })),
    remove: async (uri, { signal } = {}) => void (await client.request('resources/unsubscribe', { uri }, { signal })),
    end: async () => undefined,
  }
}

function byListening(
  capabilities: JsonObject,
  listen: NonNullable<RawClient['listen']>,
  clock: Clock,
  onLost: (error: unknown) => void,
  signal: AbortSignal,
): Subscriptions {
  const uris = new Set<string>()
  let current: RawSubscription | undefined
  let generation = 0
  let delay = FIRST_DELAY_MS

  /** A stream has one filter for its life: another one replaces it, opened before the old one closes. */
  const open = async (): Promise<void> => {
    const mine = (generation += 1)
    const old = current
    const wanted = filterOf(capabilities, uris)
    current = Object.keys(wanted).length === 0 ? undefined : await listen(wanted)
    if (current !== undefined) {
      delay = FIRST_DELAY_MS
      void current.closed.then((isOurs) => {
        if (!isOurs && mine === generation) later()
      })
    }
    await old?.close()
  }

  const later = (): void => {
    if (signal.aborted) return
    const cancel = clock.setTimer(delay, () => {
      signal.removeEventListener('abort', cancel)
      if (!signal.aborted) open().catch(failed)
    })
    signal.addEventListener('abort', cancel, { once: true })
    delay = Math.min(delay * 2, MAX_DELAY_MS)
  }

  const failed = (error: unknown): void => {
    if (signal.aborted) return
    if (delay >= MAX_DELAY_MS) onLost(error)
    else later()
  }

  return {
    begin: () => open().catch(failed),
    async add(uri) {
      if (uris.has(uri)) return
      if ((capabilities['resources'] as JsonObject | undefined)?.['subscribe'] !== true) throw notOffered()
      uris.add(uri)
      await open()
    },
    async remove(uri) {
      if (uris.delete(uri)) await open()
    },
    async end() {
      generation += 1
      await current?.close().catch(() => undefined)
    },
  }
}

function filterOf(capabilities: JsonObject, uris: ReadonlySet<string>): JsonObject {
  return {
    ...(changes(capabilities, 'tools') && { toolsListChanged: true }),
    ...(changes(capabilities, 'prompts') && { promptsListChanged: true }),
    ...(changes(capabilities, 'resources') && { resourcesListChanged: true }),
    ...(uris.size > 0 && { resourceSubscriptions: [...uris] }),
  }
}

function changes(capabilities: JsonObject, kind: string): boolean {
  return (capabilities[kind] as JsonObject | undefined)?.['listChanged'] === true
}

function notOffered(): OpspawnError {
  return new OpspawnError('TOOL_FAILED', 'The server tells nobody when a resource changes (no capability resources.subscribe)')
}
