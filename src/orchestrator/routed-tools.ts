import { OpspawnError, type Store, type Tool } from '../core/index.ts'
import { show } from './checks/show.ts'
import { type DefinitionContext, offerTool, prepareTool, type RoutedTool } from './definition.ts'

/**
 * Makes the tools ready that front tools stand before, each once, for as long as somebody holds it. What is wrong with one
 * is told each time.
 */
export function createRoutedTools(
  context: DefinitionContext,
  store: Store,
  registered: readonly Tool[],
): (tool: Tool) => RoutedTool {
  const prepared = new WeakMap<Tool, RoutedTool>()
  const names = new Map(registered.map((tool) => [tool.name, tool]))
  return (tool) => {
    let routed = prepared.get(tool)
    if (routed === undefined) {
      const ready = prepareTool(tool, context)
      requireBack(tool, names.get(tool.name))
      requireTransactions(tool, store)
      routed = { ready, offered: offerTool(ready) }
      prepared.set(tool, routed)
    }
    return routed
  }
}

/** @throws OpspawnError `PLUGIN_INVALID` for a tool that is a front tool itself, `NAME_DUPLICATE` */
function requireBack(tool: Tool, other: Tool | undefined): void {
  if (tool.route !== undefined) {
    const text = `tool ${show(tool.name)} has a route of its own; a front tool must give the tool that does the work`
    throw new OpspawnError('PLUGIN_INVALID', text, { details: { name: tool.name } })
  }
  if (other === undefined || isSameTool(tool, other)) return
  const text = `a front tool gave a tool called ${show(tool.name)}, and another one of that name is registered; rename one, or share the tool`
  throw new OpspawnError('NAME_DUPLICATE', text, { details: { kind: 'tool', name: tool.name } })
}

/** The very same one, or a copy of it. */
export function isSameTool(left: Tool, right: Tool): boolean {
  const members = Object.keys({ ...left, ...right }) as (keyof Tool)[]
  return left === right || members.every((member) => Object.is(left[member], right[member]))
}

/** @throws OpspawnError `PLUGIN_CAPABILITY_MISSING` for a transactional tool on a store without transactions */
export function requireTransactions(tool: Tool, store: Store): void {
  if (tool.effect !== 'transactional' || store.capabilities.transactions) return
  throw new OpspawnError(
    'PLUGIN_CAPABILITY_MISSING',
    `tool "${tool.name}" is transactional, but its effect cannot be committed together with the history in store ` +
      `"${store.name}", which has no transactions; take one that has (sqliteStore), make the tool idempotent by ` +
      'context.idempotencyKey, or declare it unsafe',
  )
}
