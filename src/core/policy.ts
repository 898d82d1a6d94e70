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
 *
 * @property name How histories and errors call the rule; absent: by its place in the list.
 * @property agent Name of the calling agent.
 * @property tool Name of the tool: as defined, as models see it, and for another agent either way to call it.
 * @property tenant Of the run.
 * @property principal Of the run's caller. A rule with `principal` or `role` applies to no run without a caller, not even as `*`.
 * @property role One of the caller's.
 */
export interface PolicyRule extends Readonly<
  Partial<Record<'name' | 'agent' | 'tool' | 'tenant' | 'principal' | 'role', string>>
> {
  /** `allow` lets the call through, `ask` has it wait for a person, `deny` refuses it. */
  readonly verdict: 'allow' | 'ask' | 'deny'
  /**
   * By JSON Pointer into the arguments as the body gets them; `''` is all of them, `/input` the text for an agent that
   * takes one. A value that is not there fails every condition but `exists: false`.
   */
  readonly arguments?: { readonly [pointer: string]: ArgumentCondition }
  /** Shown to the model and to the person who is asked. */
  readonly reason?: string
}

/** A rule for one task of a workflow, and for all that is done for it: it asks or denies on top of the policy, and allows nothing. */
export type TaskRule = PolicyRule & Readonly<Record<'verdict', 'ask' | 'deny'>>

/**
 * Rules about what agents may do. Of those that apply, `deny` beats `ask` beats `allow`, wherever they stand; where none
 * applies `otherwise` holds. A tool that is denied whatever its arguments is not even shown.
 *
 * @property rules In any order; rules that extensions add come behind these.
 * @property otherwise Absent: `allow`, so that the tools that an agent was given are its allow-list.
 * @property approvalMs How long an approval may take, in milliseconds; absent: 86,400,000 (a day).
 * @property mode `dry-run`: rules and `otherwise` refuse nothing and ask nobody, and what they would have said is recorded;
 * a tool's own wish for an approval and the data-flow rule hold. Absent: `enforce`.
 */
export type Policy = Readonly<{ rules: readonly PolicyRule[]; otherwise?: PolicyRule['verdict']; approvalMs?: number }> &
  Readonly<{ mode?: 'enforce' | 'dry-run' }>
