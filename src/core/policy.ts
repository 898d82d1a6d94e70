import type { Json } from './json.ts'

/** A condition on one value of a call's arguments; all members given must hold. */
export interface ArgumentCondition {
  readonly equals?: Json
  readonly notEquals?: Json
  readonly oneOf?: readonly Json[]
  /** For numbers. */
  readonly above?: number
  readonly below?: number
  /** For strings: a pattern where `*` stands for any characters. */
  readonly matches?: string
  readonly exists?: boolean
}

/**
 * One rule about calls of tools and of agents as tools. All members given must hold for it to apply; names are patterns
 * where `*` stands for any characters.
 */
export interface PolicyRule {
  readonly verdict: 'allow' | 'ask' | 'deny'
  /** How histories and errors call the rule. @default its place in the list */
  readonly name?: string
  readonly agent?: string
  /** By any of its names: as defined, as models see it, and for another agent both ways to call it. */
  readonly tool?: string
  readonly tenant?: string
  /** By JSON Pointer into the arguments. A value that is not there fails every condition but `exists: false`. */
  readonly arguments?: { readonly [pointer: string]: ArgumentCondition }
  /** Shown to the model and to the person who is asked. */
  readonly reason?: string
}

/**
 * Rules about what agents may do. Of those that apply, `deny` beats `ask` beats `allow`, wherever they stand; where none
 * applies `otherwise` holds. A tool that is denied whatever its arguments is not even shown.
 */
export interface Policy {
  readonly rules: readonly PolicyRule[]
  /** @default 'allow': the tools that an agent was given are its allow-list. */
  readonly otherwise?: 'allow' | 'ask' | 'deny'
  /** How long an approval may take, in milliseconds. @default 86_400_000 (a day) */
  readonly approvalMs?: number
}
