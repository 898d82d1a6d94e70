import {
  type ArgumentCondition,
  type Caller,
  canonicalJson,
  type Json,
  OpspawnError,
  type Policy,
  type PolicyRule,
  type TaskRule,
} from '../core/index.ts'
import { requireShape, type Shape } from './checks/shape.ts'
import { show } from './checks/show.ts'
import { isNamed, type NamedTool } from './tool-names.ts'

/** Whose call it is. */
export interface PolicySubject {
  readonly agent: string
  readonly tenant: string
  readonly caller?: Caller | undefined
  /** The agents that this one acts for, the nearest first: the last one's rules decide, all others' make it stricter. */
  readonly actsFor?: readonly string[] | undefined
  /** Of the tasks that the run is part of: they make it stricter, as `ownRules` do. */
  readonly rules?: readonly TaskRule[] | undefined
  /** Of the task that the call itself carries out. */
  readonly ownRules?: readonly TaskRule[] | undefined
}

/** A call that an agent wants to make. */
export interface PolicyCall extends PolicySubject {
  readonly tool: NamedTool
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
  /** What rules would have said that are only tried. */
  readonly tried?: Verdict | undefined
}

/** Rules made ready once. */
export interface CompiledPolicy {
  decide(call: PolicyCall): Verdict
  /** Whether rules about the call depend on its arguments. */
  looksInto(call: Omit<PolicyCall, 'input'>): boolean
  /** Denied whatever the arguments: not to be shown at all. */
  hides(call: Omit<PolicyCall, 'input'>): boolean
  readonly approvalMs: number
  /** What the rules say is noted, and does not hold. */
  readonly isDryRun: boolean
}

/** The verdicts, the stricter the higher. */
export const STRICTNESS = { allow: 0, ask: 1, deny: 2 } as const
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
  principal: 'text?',
  role: 'text?',
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
  const rules = policy.rules.map((rule, index) => compileRule(rule, index))
  const otherwise = policy.otherwise ?? 'allow'
  if (!Object.hasOwn(STRICTNESS, otherwise))
    throw new OpspawnError('OPTIONS_INVALID', `policy.otherwise "${String(otherwise)}" is none of allow, ask, deny`)
  const fallback: Verdict = { verdict: otherwise, rule: 'otherwise' }
  const isDryRun = policy.mode === 'dry-run'
  const looksIntoArguments = rules.some((rule) => !rule.unconditional)
  const hidesOne = (call: Omit<PolicyCall, 'input'>, whereNone: string): boolean => {
    if (deniesAlways(rules, call)) return true
    return whereNone === 'deny' && rules.every((rule) => !rule.names(call) || rule.verdict.verdict === 'deny')
  }
  // Rules of tasks are made ready when they are first seen, and kept for as long as their run or effect is.
  const ready = new WeakMap<readonly TaskRule[], readonly CompiledRule[]>()
  const rulesOfTasks = ({ rules: inherited, ownRules }: PolicySubject): readonly CompiledRule[] =>
    [inherited, ownRules].flatMap((list) => {
      if (list === undefined) return []
      const compiled = ready.get(list) ?? compileTaskRules(list)
      ready.set(list, compiled)
      return compiled
    })
  return {
    approvalMs: policy.approvalMs ?? 86_400_000,
    isDryRun,
    decide(call) {
      if (isPlain(call)) return strictest(rules, call) ?? fallback
      const { deciding, tightening } = subjectsOf(call)
      let verdict = strictest(rules, deciding) ?? fallback
      for (const other of tightening) verdict = stricter(verdict, strictest(rules, other) ?? verdict)
      const ofTasks = rulesOfTasks(call)
      for (const one of [deciding, ...tightening]) verdict = stricter(verdict, strictest(ofTasks, one) ?? verdict)
      return verdict
    },
    looksInto(call) {
      if (isPlain(call)) return looksIntoArguments && rules.some((rule) => !rule.unconditional && rule.names(call))
      const { deciding, tightening } = subjectsOf(call)
      const all = [...rules, ...rulesOfTasks(call)].filter((rule) => !rule.unconditional)
      return [deciding, ...tightening].some((one) => all.some((rule) => rule.names(one)))
    },
    hides(call) {
      if (isDryRun) return false
      if (isPlain(call)) return hidesOne(call, otherwise)
      const { deciding, tightening } = subjectsOf(call)
      if (hidesOne(deciding, otherwise) || tightening.some((one) => hidesOne(one, 'allow'))) return true
      const ofTasks = rulesOfTasks(call)
      return [deciding, ...tightening].some((one) => deniesAlways(ofTasks, one))
    },
  }
}

/** The policy alone holds for it, for one agent. */
function isPlain({ actsFor, rules, ownRules }: PolicySubject): boolean {
  return actsFor === undefined && rules === undefined && ownRules === undefined
}

function deniesAlways(rules: readonly CompiledRule[], call: Omit<PolicyCall, 'input'>): boolean {
  return rules.some((rule) => rule.verdict.verdict === 'deny' && rule.unconditional && rule.names(call))
}

/**
 * Makes the rules of a task ready: they ask or deny, and an `allow` among them, which could loosen nothing, is a mistake.
 *
 * @throws OpspawnError `OPTIONS_INVALID`
 */
export function compileTaskRules(rules: readonly TaskRule[]): readonly CompiledRule[] {
  if (!Array.isArray(rules)) throw new OpspawnError('OPTIONS_INVALID', `the rules of a task are ${show(rules)}, not a list`)
  return (rules as readonly TaskRule[]).map((rule, index) => {
    const compiled = compileRule(rule, index, 'task rule')
    if (compiled.verdict.verdict !== 'allow') return compiled
    const text = `${compiled.where}: a rule of a task can only make it stricter; its verdict is ask or deny, not allow`
    throw new OpspawnError('OPTIONS_INVALID', text)
  })
}

/** The strictest rule that applies. */
function strictest(rules: readonly CompiledRule[], call: PolicyCall): Verdict | undefined {
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
  return found
}

/** A call as one of the agent that decides over it, and as one of those that can only make it stricter. */
export function subjectsOf<C extends PolicySubject>(call: C): { readonly deciding: C; readonly tightening: readonly C[] } {
  const { actsFor = [] } = call
  const outermost = actsFor.at(-1)
  if (outermost === undefined) return { deciding: call, tightening: [] }
  const others = [...new Set([call.agent, ...actsFor.slice(0, -1)])]
  return { deciding: { ...call, agent: outermost }, tightening: others.map((agent) => ({ ...call, agent })) }
}

/** The stricter of two verdicts; of equal ones the first. */
export function stricter(left: Verdict, right: Verdict): Verdict {
  return STRICTNESS[right.verdict] > STRICTNESS[left.verdict] ? right : left
}

/** Checks the policy itself; its rules are checked as they are compiled. @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID` */
export function requirePolicy(policy: Policy): void {
  requireShape('policy', policy, { rules: 'list', otherwise: 'text?', approvalMs: 'finite?', mode: 'text?' })
  if (policy.mode !== undefined && policy.mode !== 'enforce' && policy.mode !== 'dry-run')
    throw new OpspawnError('OPTIONS_INVALID', `policy.mode ${show(policy.mode)} is none of enforce, dry-run`)
}

/** A rule made ready. */
export interface CompiledRule {
  /** How errors call it. */
  readonly where: string
  readonly verdict: Verdict
  readonly unconditional: boolean
  names(call: Omit<PolicyCall, 'input'>): boolean
  fits(input: Json): boolean
}

/** Makes one rule ready. @throws OpspawnError `OPTIONS_INVALID` */
export function compileRule(rule: PolicyRule, index: number, kind: 'policy rule' | 'task rule' = 'policy rule'): CompiledRule {
  const where = `${kind} ${rule?.name === undefined ? index + 1 : show(rule.name)}`
  requireShape(where, rule, RULE)
  if (!Object.hasOwn(STRICTNESS, rule.verdict))
    throw new OpspawnError('OPTIONS_INVALID', `${where}: verdict "${String(rule.verdict)}" is none of allow, ask, deny`)
  const agent = pattern(rule.agent)
  const tool = pattern(rule.tool)
  const tenant = pattern(rule.tenant)
  const caller = callerTest(rule)
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
  const unnamed = `${kind === 'task rule' ? kind : 'rule'} ${index + 1}`
  return {
    where,
    verdict: { verdict: rule.verdict, rule: rule.name ?? unnamed, reason: rule.reason },
    unconditional: conditions.length === 0,
    names: (call) => agent(call.agent) && isNamed(call.tool, tool) && tenant(call.tenant) && caller(call.caller),
    fits: (input) => conditions.every((condition) => condition(input)),
  }
}

/** Who is not known fits no rule that names somebody, not even by `*`. */
function callerTest({ principal, role }: PolicyRule): (caller: Caller | undefined) => boolean {
  if (principal === undefined && role === undefined) return () => true
  const [isPrincipal, isRole] = [pattern(principal), pattern(role)]
  return (caller) =>
    caller !== undefined && isPrincipal(caller.principal) && (role === undefined || (caller.roles ?? []).some(isRole))
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
