import { type OperationOptions, OpspawnError, toFailure } from '../../core/index.ts'
import { requireServer } from './operator.ts'
import type {
  McpCompletionTarget,
  McpConnection,
  McpContents,
  McpList,
  McpPrompt,
  McpPromptResult,
  McpResource,
  McpResourceTemplate,
  McpSkill,
  McpSkillFile,
  McpSkills,
} from './port.ts'
import { askServer, resourcesOf } from './resources.ts'
import type { Workshop } from './tools/workshop.ts'

/** For whom a server is asked. */
export interface McpAskOptions extends OperationOptions {
  /** Where the server knows its users; absent: nobody in particular. */
  readonly principal?: string | undefined
}

/**
 * What servers offer besides tools. Each call ends within the server's `timeoutMs`.
 *
 * @property resources All resources of a server.
 * @property resourceTemplates All forms of addresses of its resources.
 * @property prompts All its prompts.
 * @property prompt One prompt, filled in.
 */
export interface McpSessions {
  resources(server: string, options?: McpAskOptions): Promise<McpList<McpResource>>
  resourceTemplates(server: string, options?: McpAskOptions): Promise<McpList<McpResourceTemplate>>
  /** @throws OpspawnError `TOOL_FAILED` for what is not there */
  readResource(server: string, uri: string, options?: McpAskOptions): Promise<readonly McpContents[]>
  prompts(server: string, options?: McpAskOptions): Promise<McpList<McpPrompt>>
  prompt(
    server: string,
    name: string,
    input?: Readonly<Record<string, string>>,
    options?: McpAskOptions,
  ): Promise<McpPromptResult>
  /** What could be typed on, for an argument of a prompt or of a resource template. */
  complete(server: string, of: McpCompletionTarget, options?: McpAskOptions): ReturnType<McpConnection['complete']>
  /** Skills of a server; none where it has none. @throws OpspawnError `TOOL_FAILED` where the driver does not know them */
  skills(server: string, options?: McpAskOptions): Promise<readonly McpSkill[]>
  /** A file of a skill, checked; without `file` its `SKILL.md`. @throws OpspawnError `TOOL_OUTPUT_INVALID` where it is not as it was listed */
  readSkill(server: string, uri: string, file?: string, options?: McpAskOptions): Promise<McpSkillFile>
  /**
   * Tells of each change of a resource, over new connections too. Gives a function that ends it. `onProblem` is told where a
   * subscription could not be made again.
   */
  subscribe(
    server: string,
    uri: string,
    listener: (uri: string) => void,
    options?: McpAskOptions & { readonly onProblem?: (problem: string) => void },
  ): Promise<() => Promise<void>>
}

/** Makes the part of the handle that is about resources and prompts. */
export function createSessions(workshop: Workshop): McpSessions {
  const { servers } = workshop
  const subscriptions = new Map<string, number>()
  function ask<T>(
    server: string,
    { principal, signal }: McpAskOptions,
    what: string,
    act: (connection: McpConnection, options: OperationOptions) => Promise<T>,
  ): Promise<T> {
    requireServer(workshop, server)
    return askServer(workshop, server, { principal }, { signal }, what, act)
  }
  return {
    resources: async (server, options = {}) => ask(server, options, 'list its resources', (on, inner) => on.listResources(inner)),
    resourceTemplates: async (server, options = {}) =>
      ask(server, options, 'list its resource templates', (on, inner) => on.listResourceTemplates(inner)),
    async readResource(server, uri, { principal, signal } = {}) {
      requireServer(workshop, server)
      return resourcesOf(workshop, server, { principal }).read(uri, { signal })
    },
    prompts: async (server, options = {}) => ask(server, options, 'list its prompts', (on, inner) => on.listPrompts(inner)),
    prompt: async (server, name, input = {}, options = {}) =>
      ask(server, options, `give prompt ${JSON.stringify(name)}`, (on, inner) => on.getPrompt(name, input, inner)),
    complete: async (server, of, options = {}) => ask(server, options, 'complete', (on, inner) => on.complete(of, inner)),
    skills: async (server, options = {}) => ask(server, options, 'list its skills', (on, inner) => skillsOn(on).list(inner)),
    readSkill: async (server, uri, file, options = {}) =>
      ask(server, options, `give skill ${JSON.stringify(uri)}`, (on, inner) => skillsOn(on).read(uri, file, inner)),
    async subscribe(server, uri, listener, { onProblem, ...options } = {}) {
      const partition = servers.partition(server, options)
      const key = JSON.stringify([server, partition, uri])
      const begin = (): Promise<void> => ask(server, options, `subscribe to ${uri}`, (on, inner) => on.subscribe(uri, inner))
      let isOn = true
      const stop = servers.onEvent((told) => {
        if (!isOn || told.server !== server || told.partition !== partition) return
        if (told.event.type === 'resource-updated' && told.event.uri === uri) listener(uri)
        // A new connection knows nothing of the subscriptions of the one before.
        if (told.event.type === 'open') begin().catch((error: unknown) => onProblem?.(toFailure(error, 'TOOL_FAILED').message))
      })
      try {
        await begin()
      } catch (error) {
        stop()
        throw error
      }
      subscriptions.set(key, (subscriptions.get(key) ?? 0) + 1)
      return async () => {
        if (!isOn) return
        isOn = false
        stop()
        const left = (subscriptions.get(key) ?? 1) - 1
        if (left > 0) subscriptions.set(key, left)
        else {
          subscriptions.delete(key)
          await ask(server, options, `unsubscribe from ${uri}`, (on, inner) => on.unsubscribe(uri, inner))
        }
      }
    },
  }
}

function skillsOn({ skills }: McpConnection): McpSkills {
  if (skills !== undefined) return skills
  throw new OpspawnError('TOOL_FAILED', 'skills need mcpDriverV2: the older library does not know them')
}
