import { type ArgumentCondition, canonicalJson, type Json, OpspawnError, type Policy, type PolicyRule } from '../core/index.ts'
import { requireShape, type Shape } from './checks/shape.ts'
import { show } from './checks/show.ts'
import { isNamed, type NamedTool } from './tool-names.ts'

/** A call that an agent wants to make. */
export interface PolicyCall {
  readonly agent: string
  readonly tool: NamedTool
  readonly tenant: string
  /** As the body gets it. */
  readonly input: Json
  /** As it was given, where a schema may have made something else of it: what forbids or asks holds for this as well. */
  readonly raw?: Json | undefined
}

/** What the rules say about a call, and which of them decided. */
export interface Verdict {
  readonly verdict: 'allow' | 'ask' | 'deny'
  readonly rule: string
  readonly reason?: string | undefined
}

/** Rules made ready once. */
export interface CompiledPolicy {
  decide(call: PolicyCall): Verdict
  /** Whether rules about the call depend on its arguments. */
  looksInto(call: Omit<PolicyCall, 'input'>): boolean
  /** Denied whatever the arguments: not to be shown at all. */
  hides(call: Omit<PolicyCall, 'input'>): boolean
  readonly approvalMs: number
}

const STRICTNESS = { allow: 0, ask: 1, deny: 2 } as const
const CONDITION: Shape = {
  equals: 'any?',
  notEquals: 'any?',
  oneOf: 'list?',
  above: 'number?',
  below: 'number?',
  matches: 'text?',
  exists: 'flag?',
}
const RULE: Shape = {
  verdict: 'text',
  name: 'text?',
  agent: 'text?',
  tool: 'text?',
  tenant: 'text?',
  arguments: 'object?',
  reason: 'text?',
}

/**
 * Makes a policy ready: the strictest of the rules that apply decides, whatever their order.
 *
 * @throws OpspawnError `OPTIONS_INVALID` for an unknown verdict or member, so that a misspelt rule never passes as none
 */
export function compilePolicy(policy: Policy): CompiledPolicy {
  requirePolicy(policy)
  const rules = policy.rules.map(compileRule)
  const otherwise = policy.otherwise ?? 'allow'
  if (!Object.hasOwn(STRICTNESS, otherwise))
    throw new OpspawnError('OPTIONS_INVALID', `policy.otherwise "${String(otherwise)}" is none of allow, ask, deny`)
  const fallback: Verdict = { verdict: otherwise, rule: 'otherwise' }
  const conditional = rules.filter((rule) => !rule.unconditional)
  return {
    approvalMs: policy.approvalMs ?? 86_400_000,
    decide(call) {
      let found: Verdict | undefined
      for (const rule of rules) {
        if (
          (found === undefined || STRICTNESS[rule.verdict.verdict] > STRICTNESS[found.verdict]) &&
          rule.names(call) &&
          (rule.fits(call.input) || (call.raw !== undefined && rule.verdict.verdict !== 'allow' && rule.fits(call.raw)))
        ) {
          found = rule.verdict
        }
      }
      return found ?? fallback
    },
    looksInto: (call) => conditional.some((rule) => rule.names(call)),
    hides(call) {
      const named = rules.filter((rule) => rule.names(call))
      if (named.some((rule) => rule.verdict.verdict === 'deny' && rule.unconditional)) return true
      return otherwise === 'deny' && named.every((rule) => rule.verdict.verdict === 'deny')
    },
  }
}

/** The stricter of two verdicts; of equal ones the first. */
export function stricter(left: Verdict, right: Verdict): Verdict {
  return STRICTNESS[right.verdict] > STRICTNESS[left.verdict] ? right : left
}

/** Checks the policy itself; its rules are checked as they are compiled. @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID` */
export function requirePolicy(policy: Policy): void {
  requireShape('policy', policy, { rules: 'list', otherwise: 'text?', approvalMs: 'positive?' })
}

interface CompiledRule {
  readonly verdict: Verdict
  readonly unconditional: boolean
  names(call: Omit<PolicyCall, 'input'>): boolean
  fits(input: Json): boolean
}

function compileRule(rule: PolicyRule, index: number): CompiledRule {
  const where = `policy rule ${rule?.name === undefined ? index + 1 : show(rule.name)}`
  requireShape(where, rule, RULE)
  if (!Object.hasOwn(STRICTNESS, rule.verdict))
    throw new OpspawnError('OPTIONS_INVALID', `${where}: verdict "${String(rule.verdict)}" is none of allow, ask, deny`)
  const agent = pattern(rule.agent)
  const tool = pattern(rule.tool)
  const tenant = pattern(rule.tenant)
  const conditions = Object.entries(rule.arguments ?? {}).map(([path, condition]) => {
    requireShape(`${where}, ${path}`, condition, CONDITION)
    if (path !== '' && !path.startsWith('/'))
      throw new OpspawnError('OPTIONS_INVALID', `${where}: "${path}" is not a JSON Pointer; begin it with "/"`)
    // The empty pointer is the whole of the arguments.
    const steps = path
      .split('/')
      .slice(1)
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    return (input: Json) => holds(condition, valueAt(input, steps))
  })
  return {
    verdict: { verdict: rule.verdict, rule: rule.name ?? `rule ${index + 1}`, reason: rule.reason },
    unconditional: conditions.length === 0,
    names: (call) => agent(call.agent) && isNamed(call.tool, tool) && tenant(call.tenant),
    fits: (input) => conditions.every((condition) => condition(input)),
  }
}

/** A test against a pattern where `*` stands for any characters; no pattern fits everything. Takes linear time: no backtracking. */
export function pattern(text: string | undefined): (value: string) => boolean {
  if (text === undefined || text === '*') return () => true
  const pieces = text.split('*')
  if (pieces.length === 1) return (value) => value === text
  const [first = '', ...rest] = pieces
  const last = rest.pop() ?? ''
  return (value) => {
    if (!value.startsWith(first) || value.length < first.length + last.length || !value.endsWith(last)) return false
    let from = first.length
    const end = value.length - last.length
    for (const piece of rest) {
      const at = value.indexOf(piece, from)
      if (at < 0 || at + piece.length > end) return false
      from = at + piece.length
    }
    return true
  }
}

function valueAt(input: Json, steps: readonly string[]): Json | undefined {
  let value: Json | undefined = input
  for (const step of steps) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as { readonly [key: string]: Json })[step]
  }
  return value
}

function holds(condition: ArgumentCondition, value: Json | undefined): boolean {
  const { exists, ...rest } = condition
  if (exists !== undefined && exists !== (value !== undefined)) return false
  // What is not there satisfies nothing but its absence.
  if (value === undefined) return exists === false && Object.keys(rest).length === 0
  const { matches } = rest
  if (matches !== undefined && !(typeof value === 'string' && pattern(matches)(value))) return false
  return isAmong(rest, value) && isWithin(rest, value)
}

/** By what a value is the same as. */
function isAmong({ equals, notEquals, oneOf }: ArgumentCondition, value: Json): boolean {
  if (equals !== undefined && !same(equals, value)) return false
  if (notEquals !== undefined && same(notEquals, value)) return false
  return oneOf === undefined || oneOf.some((item) => same(item, value))
}

/** By size: bounds let nothing through but numbers. */
function isWithin({ above, below }: ArgumentCondition, value: Json): boolean {
  if (above === undefined && below === undefined) return true
  return typeof value === 'number' && value > (above ?? -Infinity) && value < (below ?? Infinity)
}

function same(left: Json, right: Json): boolean {
  return left === right || canonicalJson(left) === canonicalJson(right)
}
