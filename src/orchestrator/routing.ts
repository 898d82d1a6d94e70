// Front tools: their calls are judged, recorded and performed as calls of the tools that they stand before.
import { type EffectRecord, type Json, OpspawnError, toFailure, toJson, type Tool, type ToolEffect } from '../core/index.ts'
import { approvalHash } from './approved.ts'
import { show } from './checks/show.ts'
import type { ReadyTool } from './definition.ts'
import { frozen } from './frozen.ts'
import type { Route, RoutedCall, RunContext } from './run-context.ts'
import { aliasOf } from './tool-names.ts'

/**
 * Asks a front tool what a call is meant for; nothing where it is for itself, or the tool is none.
 *
 * @throws OpspawnError `PLUGIN_INVALID`, `JSON_INVALID`, `PAYLOAD_TOO_LARGE`, `TOOL_FAILED`, and what makes a tool invalid
 */
export function askFront(
  context: RunContext,
  effect: ToolEffect,
  hides: (tool: string) => boolean = (tool) => isHidden(context, effect, tool),
): RoutedCall | undefined {
  const front = context.ready.tools.get(effect.tool)?.tool
  if (front?.route === undefined) return undefined
  const found = answerOf(context, front, effect.input, hides)
  if (found === undefined) return undefined
  const { tool, input } = requireAnswer(front, found)
  const { ready, offered } = context.engine.prepareRouted(tool)
  const json = toJson(input, { maxSize: context.view.limits.payload })
  return { effect: { ...effect, tool: tool.name, input: json }, ready, offered, hash: approvalHash(tool.name, json) }
}

/** Whether rules refuse a run, for what it does with an effect, all calls of a tool of that name. */
export function isHidden({ engine, origin }: RunContext, effect: ToolEffect, tool: string): boolean {
  return engine.policy.hides({ ...origin, ownRules: effect.rules, tool: { name: tool, alias: aliasOf(tool) } })
}

function answerOf({ view, origin }: RunContext, front: Tool, input: Json, hides: (tool: string) => boolean): unknown {
  const { agent, tenant, session } = view
  try {
    return front.route?.(frozen(input), { agent, tenant, session, caller: frozen(origin.caller), isHidden: hides })
  } catch (error) {
    if (OpspawnError.is(error)) throw error
    const why = toFailure(error, 'TOOL_FAILED').message
    throw new OpspawnError('TOOL_FAILED', `tool "${front.name}" was not called, its route failed: ${why}`, { cause: error })
  }
}

function requireAnswer(front: Tool, found: unknown): { readonly tool: Tool; readonly input: unknown } {
  const { tool, input } = (typeof found === 'object' && found !== null ? found : {}) as { tool?: Tool; input?: unknown }
  if (typeof tool === 'object' && tool !== null && input !== undefined) return { tool, input }
  // Nobody waits for it.
  if (found instanceof Promise) found.catch(() => {})
  const text = `the route of tool "${front.name}" gave ${show(found)}; it must give { tool, input } or undefined, at once`
  throw new OpspawnError('PLUGIN_INVALID', text)
}

/** Notes where a call goes, for as long as it is open. */
export function keepRoute(context: RunContext, key: string, route: Route): void {
  context.routes ??= new Map()
  context.routes.set(key, route)
}

/** Asks anew, in another process perhaps, where an open call goes: it must be where it went when it was let in. */
export function routeAgain(context: RunContext, { effect, routed }: EffectRecord): void {
  if (routed === undefined || effect.kind !== 'tool') return
  let now: RoutedCall | undefined
  let why = 'it is given to no tool now'
  try {
    // Where it goes is one thing, what the rules of today say of it another: see `judgeAgain`.
    now = askFront(context, effect, () => false)
    if (now !== undefined)
      why = now.effect.tool === routed.tool ? 'its arguments are others now' : `it is given to ${now.effect.tool} now`
  } catch (error) {
    why = toFailure(error, 'INTERNAL').message
  }
  keepRoute(context, effect.key, now?.hash === routed.hash ? now : { error: changed(effect, routed.tool, why) })
}

function changed(effect: ToolEffect, before: string, why: string): OpspawnError {
  const text = `${before} was not called: what ${effect.tool} was asked for is not the call any more that was let in, ${why}; ask again`
  return new OpspawnError('TOOL_CHANGED', text, { details: { tool: before, through: effect.tool } })
}

/** The tool that a call enters; nothing where there is none, or it is not the one any more that was let in. */
export function toolOf(context: RunContext, effect: ToolEffect): ReadyTool | undefined {
  const route = context.routes?.get(effect.key)
  if (route === undefined) return context.ready.tools.get(effect.tool)
  return 'error' in route ? undefined : route.ready
}

/** The call as it is made. @throws OpspawnError `TOOL_CHANGED` */
export function asMade<E extends { readonly kind: string; readonly key: string }>(
  context: RunContext,
  effect: E,
): E | ToolEffect {
  const route = context.routes?.get(effect.key)
  if (route === undefined) return effect
  if ('error' in route) throw route.error
  return route.effect
}

/** Whether a call is not the one any more that was let in. */
export function hasChanged(context: RunContext, key: string): boolean {
  const route = context.routes?.get(key)
  return route !== undefined && 'error' in route
}
