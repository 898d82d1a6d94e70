import type { Json, JsonObject } from '../../../core/index.ts'
import type { McpConnectOptions, McpElicitation, McpEvent, McpHandlers } from '../port.ts'
import { objectIn } from './readers.ts'

/** What is declared to a server: nothing that no handler is there for. */
export function capabilitiesOf({ elicit, sample, roots }: McpHandlers): { readonly [name: string]: JsonObject } {
  return {
    ...(elicit !== undefined && { elicitation: { form: { applyDefaults: true }, url: {} } }),
    ...(sample !== undefined && { sampling: {} }),
    ...(roots !== undefined && { roots: {} }),
  }
}

/** Answers a server's request; of each method that is declared. */
export function answerTo(
  method: 'elicitation/create' | 'sampling/createMessage' | 'roots/list',
  { handlers, onEvent }: Pick<McpConnectOptions, 'handlers' | 'onEvent'>,
): (params: unknown, signal: AbortSignal | undefined) => Promise<JsonObject> {
  if (method === 'roots/list') {
    return async () => ({ roots: (await handlers.roots!()).map((root) => ({ ...root })) })
  }
  if (method === 'sampling/createMessage') {
    return (params, signal) => handlers.sample!(objectIn(params, 'the request'), { signal })
  }
  return async (params, signal) => {
    const asked = elicitationIn(objectIn(params, 'the request'))
    if (typeof asked === 'string') {
      onEvent({ type: 'log', level: 'warning', data: asked, logger: 'opspawn' })
      return { action: 'decline' }
    }
    const answer = await handlers.elicit!(asked, { signal })
    return answer.action === 'accept' && answer.content !== undefined
      ? { action: answer.action, content: answer.content }
      : { action: answer.action }
  }
}

/** What is asked of a person; a text: why nobody is asked. */
function elicitationIn(params: JsonObject): McpElicitation | string {
  const message = typeof params['message'] === 'string' ? params['message'] : ''
  if (params['mode'] !== 'url') {
    return { mode: 'form', message, schema: objectIn(params['requestedSchema'] ?? {}, 'requestedSchema') }
  }
  const { url: address } = params
  const url = typeof address === 'string' ? URL.parse(address) : null
  if (url === null) return 'The server asked to visit something that is no address; nobody was asked'
  // A page of any other scheme could read or change what is asked for on its way, or be a program.
  if (url.protocol !== 'https:') return `The server asked to visit an address of ${url.protocol}; only https: is shown`
  return { mode: 'url', message, url: url.href, host: url.host }
}

const CHANGED: { readonly [method: string]: 'tools' | 'resources' | 'prompts' } = {
  'notifications/tools/list_changed': 'tools',
  'notifications/resources/list_changed': 'resources',
  'notifications/prompts/list_changed': 'prompts',
}

/** What a notification says to us; undefined for those that say nothing. */
export function eventOf(method: string, params: unknown): McpEvent | undefined {
  const what = Object.hasOwn(CHANGED, method) ? CHANGED[method] : undefined
  if (what !== undefined) return { type: 'changed', what }
  const from = (params ?? {}) as { readonly [key: string]: Json | undefined }
  if (method === 'notifications/resources/updated' && typeof from['uri'] === 'string') {
    return { type: 'resource-updated', uri: from['uri'] }
  }
  if (method !== 'notifications/message') return undefined
  const level = typeof from['level'] === 'string' ? from['level'] : 'info'
  const logger = typeof from['logger'] === 'string' ? { logger: from['logger'] } : {}
  return { type: 'log', level, data: from['data'] ?? null, ...logger }
}
