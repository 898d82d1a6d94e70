import type { Json } from './json.ts'

/** A condition on one value of a call's arguments; all members given must hold. */
export interface ArgumentCondition {
  /** The same JSON, whatever the order of keys. */
  readonly equals?: Json
  /** Any other JSON. */
  readonly notEquals?: Json
  /** The same JSON as one of these. */
  readonly oneOf?: readonly Json[]
  /** For numbers: greater than this. */
  readonly above?: number
  /** For numbers: less than this. */
  readonly below?: number
  /** For strings: a pattern where `*` stands for any characters. */
  readonly matches?: string
  /** Whether there must be a value. Where there is none, `false` holds whatever else is given. */
  readonly exists?: boolean
}

/**
 * One rule about calls of tools and of agents as tools. All members given must hold for it to apply; names are patterns
 * where `*` stands for any characters.
 */
export interface PolicyRule {
  /** `allow` lets the call through, `ask` has it wait for a person, `deny` refuses it. */
  readonly verdict: 'allow' | 'ask' | 'deny'
  /** How histories and errors call the rule. @default its place in the list */
  readonly name?: string
  /** Name of the calling agent. */
  readonly agent?: string
  /** Name of the tool: as defined, as models see it, and for another agent either way to call it. */
  readonly tool?: string
  /** Of the run. */
  readonly tenant?: string
  /**
   * By JSON Pointer into the arguments as the body gets them; `''` is all of them, `/input` the text for an agent that
   * takes one. A value that is not there fails every condition but `exists: false`.
   */
  readonly arguments?: { readonly [pointer: string]: ArgumentCondition }
  /** Shown to the model and to the person who is asked. */
  readonly reason?: string
}

/**
 * Rules about what agents may do. Of those that apply, `deny` beats `ask` beats `allow`, wherever they stand; where none
 * applies `otherwise` holds. A tool that is denied whatever its arguments is not even shown.
 */
export interface Policy {
  /** In any order; rules that extensions add come behind these. */
  readonly rules: readonly PolicyRule[]
  /** @default 'allow': the tools that an agent was given are its allow-list. */
  readonly otherwise?: 'allow' | 'ask' | 'deny'
  /** How long an approval may take, in milliseconds. @default 86_400_000 (a day) */
  readonly approvalMs?: number
}
