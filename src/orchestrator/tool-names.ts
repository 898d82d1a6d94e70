import type { OfferedTool } from '../core/index.ts'

/** What a rule can tell a tool by. */
export type NamedTool = Pick<OfferedTool, 'name' | 'alias' | 'delegate'>

/** The name of a tool as models see it: providers allow no dots and 64 characters. */
export function aliasOf(name: string): string {
  return name.replaceAll('.', '_').slice(0, 64)
}

/** The name under which an agent is offered for a handoff. */
export function handoffName(agent: string): string {
  return `transfer_to_${agent}`
}

/**
 * Whether a test fits one of the names under which a tool may be meant: its own, the one that models see, and for
 * another agent the names of both ways to call it, so that what holds for one way holds for the other.
 */
export function isNamed({ name, alias, delegate }: NamedTool, fits: (name: string) => boolean): boolean {
  if (fits(name) || fits(alias)) return true
  if (delegate === undefined) return false
  const { agent } = delegate
  const handoff = handoffName(agent)
  return fits(agent) || fits(aliasOf(agent)) || fits(handoff) || fits(aliasOf(handoff))
}
