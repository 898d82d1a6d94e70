import {
  type Agent,
  type AgentOptions,
  defineAgent as makeAgent,
  defineExtension as makeExtension,
  definePlugin as makePlugin,
  defineTool as makeTool,
  type Extension,
  type InferInput,
  type InferOutput,
  type Plugin,
  type Schema,
  type Tool,
  type ToolOptions,
} from '../core/index.ts'
import { requireAgent, requireAgentOptions } from './checks/agent.ts'
import { requireExtension, requirePlugin } from './checks/plugin.ts'
import { requireTool, requireToolOptions } from './checks/tool.ts'

// The functions of core under the same names, with the check that registration makes too done at once.

/**
 * Makes an agent, its input and output types inferred from the schemas.
 *
 * @throws OpspawnError `NAME_INVALID`, `AGENT_INVALID`, `MODEL_UNSUPPORTED`, `NAME_DUPLICATE`, `LIMIT_INVALID`
 */
export function defineAgent<I extends Schema = Schema<string, string>, O extends Schema = Schema<string, string>>(
  options: AgentOptions<I, O>,
): Agent<InferInput<I>, InferOutput<O>> {
  requireAgentOptions(options)
  const agent = makeAgent(options)
  requireAgent(agent)
  return agent
}

/**
 * Makes a tool, its input type inferred from the schema.
 *
 * @throws OpspawnError `NAME_INVALID`, `OPTIONS_INVALID`, `LIMIT_INVALID`
 */
export function defineTool<S extends Schema, Output extends InferInput<O>, O extends Schema = Schema>(
  options: ToolOptions<S, Output, O>,
): Tool<InferOutput<S>, Output> {
  requireToolOptions(options)
  const tool = makeTool(options)
  requireTool(tool)
  return tool
}

/**
 * Checks that a value is a plugin and keeps its type: for authors of stores, schedulers, memories and planners.
 *
 * @throws OpspawnError `PLUGIN_INVALID`, `PLUGIN_SPEC_UNSUPPORTED`
 */
export function definePlugin<P extends Plugin>(plugin: P): P {
  requirePlugin(plugin)
  return makePlugin(plugin)
}

/** Checks an extension and gives it its spec. @throws OpspawnError `PLUGIN_INVALID` */
export function defineExtension(extension: Omit<Extension, 'spec'>): Extension {
  requireExtension(extension)
  return makeExtension(extension)
}
