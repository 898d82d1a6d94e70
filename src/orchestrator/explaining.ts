import {
  type Caller,
  type Json,
  OpspawnError,
  type Policy,
  type PolicyRule,
  type TaskRule,
  toJson,
  type Tool,
  type ToolLabel,
} from '../core/index.ts'
import { requireCaller } from './checks/caller.ts'
import { requireShape } from './checks/shape.ts'
import { show } from './checks/show.ts'
import { composeAgents } from './composition.ts'
import { loadJsonSchemaCompiler } from './json-schema.ts'
import { compilePolicy, compileRule, type PolicyCall, STRICTNESS } from './policy.ts'
import type { ReplayOptions } from './replay.ts'
import { type CompiledSchema, compileSchema } from './schema.ts'
import { aliasOf } from './tool-names.ts'

/**
 * A call to be explained.
 *
 * @property agent Name of the calling agent.
 * @property tool Name of the tool or agent that is called.
 * @property input The arguments, as the body gets them.
 * @property tenant Default: 'default'.
 * @property caller Who is behind the run; absent: nobody.
 * @property rules Of the task of a workflow that the call is made for; absent: none.
 */
export type ExplainedCall = Readonly<{ agent: string; tool: string; input: Json; tenant?: string; caller?: Caller }> &
  Readonly<{ rules?: readonly TaskRule[] }>

/**
 * What one rule has to do with a call.
 *
 * @property rule Its name, or its place.
 * @property applies All of its conditions hold.
 * @property failed The first condition that does not.
 * @property decides It is the one that decided.
 * @property verdict Of the rule.
 * @property reason As it is shown to people.
 */
export type ExplainedRule = Readonly<{ rule: string; verdict: PolicyRule['verdict']; applies: boolean; decides: boolean }> &
  Readonly<{ failed?: string; reason?: string }>

/**
 * What a policy says about a call, and why.
 *
 * @property verdict Of the rules.
 * @property rule The rule that decided, or `otherwise`.
 * @property isHidden No model is shown the tool.
 * @property mode `dry-run`: the verdict is noted, and the call made.
 * @property rules All, in their order, those of the task last.
 * @property tool The tool that was judged.
 * @property reason Of the rule that decided.
 */
export interface PolicyExplanation extends Readonly<{ verdict: PolicyRule['verdict']; rule: string; isHidden: boolean }> {
  readonly tool: string
  readonly reason?: string
  readonly mode: 'enforce' | 'dry-run'
  readonly rules: readonly ExplainedRule[]
}

const CALL = { agent: 'text', tool: 'text', input: 'any', tenant: 'text?', caller: 'object?', rules: 'list?' } as const

/**
 * Says what the rules of a policy make of a call, which of them decides, and on which condition the others fail. Pure: it
 * knows neither agents nor tools, so neither the wish of a tool for an approval nor the data-flow rule.
 *
 * @throws OpspawnError `OPTIONS_INVALID` for a wrong policy or call
 */
export function explainPolicy(policy: Policy, call: ExplainedCall): PolicyExplanation {
  requireShape('explainPolicy', call, CALL)
  return explain(policy, call)
}

function explain(policy: Policy, call: ExplainedCall, raw?: Json): PolicyExplanation {
  const { agent, tool, input, tenant = 'default', rules: ofTask = [] } = call
  const caller = call.caller === undefined ? undefined : requireCaller('explainPolicy', call.caller)
  const compiled = compilePolicy(policy)
  const asked: PolicyCall = { agent, tenant, caller, tool: { name: tool, alias: aliasOf(tool) }, input, raw, ownRules: ofTask }
  const { verdict, rule, reason } = compiled.decide(asked)
  const all = [...policy.rules, ...ofTask]
  const fitting = all.map((one, index) => failedCondition(one, index, asked))
  // The first of the strictest that apply; those of a task decide only where the policy is less strict.
  const isByTask = compiled.decide({ ...asked, ownRules: undefined }).verdict !== verdict
  const deciding = fitting.findIndex(
    (failed, at) => failed === undefined && all[at]?.verdict === verdict && at >= policy.rules.length === isByTask,
  )
  return {
    tool,
    verdict,
    rule,
    ...(reason === undefined ? undefined : { reason }),
    isHidden: compiled.hides(asked),
    mode: policy.mode ?? 'enforce',
    rules: all.map((one, index) => {
      const failed = fitting[index]
      const place = index - policy.rules.length
      return {
        rule: one.name ?? (place < 0 ? `rule ${index + 1}` : `task rule ${place + 1}`),
        verdict: one.verdict,
        applies: failed === undefined,
        decides: index === deciding,
        ...(failed === undefined ? undefined : { failed }),
        ...(one.reason === undefined ? undefined : { reason: one.reason }),
      }
    }),
  }
}

const NAMES = ['agent', 'tool', 'tenant', 'principal', 'role'] as const

/** In words; the values of arguments are left out. */
function failedCondition(rule: PolicyRule, index: number, call: PolicyCall): string | undefined {
  for (const member of NAMES) {
    const wanted = rule[member]
    if (wanted === undefined || compileRule({ verdict: rule.verdict, [member]: wanted }, index).names(call)) continue
    return `${member} is not ${JSON.stringify(wanted)}`
  }
  const failed = failedArgument(rule, index, call.input)
  // What forbids or asks holds for the arguments as they were written, too.
  return failed === undefined || rule.verdict === 'allow' || call.raw === undefined
    ? failed
    : failedArgument(rule, index, call.raw)
}

function failedArgument({ verdict, arguments: conditions = {} }: PolicyRule, index: number, input: Json): string | undefined {
  for (const [pointer, condition] of Object.entries(conditions)) {
    if (compileRule({ verdict, arguments: { [pointer]: condition } }, index).fits(input)) continue
    return `argument ${JSON.stringify(pointer)} is not ${JSON.stringify(condition)}`
  }
  return undefined
}

/**
 * What would become of a call, tools included.
 *
 * @property verdict The strictest of all.
 * @property decidedBy The rule that decided, `otherwise`, or `tool <name>` for a tool that wants an approval.
 * @property parts What the rules say, by the names that the call has: for a front tool that of the tool behind comes first.
 * @property dataFlow Of a tool that sends data out, where the verdict is `allow`: labels of data. A run that has read data of
 * all of them needs an approval.
 */
export type CallExplanation = Readonly<{
  verdict: PolicyRule['verdict']
  decidedBy: string
  parts: readonly PolicyExplanation[]
}> &
  Readonly<{ dataFlow?: readonly ToolLabel[] }>

/**
 * The same for an agent's call: the arguments as the tool's schema makes them, through a front tool to the tool behind it, and
 * with the tool's own wish for an approval. The data-flow rule depends on what a run has read; it is said what that would have
 * to be. A `route` and schemas are asked; nothing else of a tool is run.
 *
 * @throws OpspawnError `AGENT_UNKNOWN`, `TOOL_UNKNOWN`, `TOOL_INPUT_INVALID`, and what `createOrchestrator` throws about an agent
 */
export async function explainCall(parts: ReplayOptions, call: ExplainedCall): Promise<CallExplanation> {
  requireShape('explainCall', call, CALL)
  const ready = (await composeAgents(parts)).get(call.agent)
  if (ready === undefined) throw new OpspawnError('AGENT_UNKNOWN', `there is no agent ${show(call.agent)}`)
  if (!ready.offered.has(call.tool)) {
    const known = [...ready.offered.keys()].join(', ')
    throw new OpspawnError(
      'TOOL_UNKNOWN',
      `agent ${show(call.agent)} was not given ${show(call.tool)}; it has ${known || 'no tools'}`,
    )
  }
  const policy = parts.policy ?? { rules: [] }
  const tool = ready.tools.get(call.tool)?.tool
  const routed = routeOf(tool, call)
  if (routed === undefined)
    return summary(
      [explain(policy, { ...call, input: await madeInput(ready.tools.get(call.tool)?.input, call) }, call.input)],
      [tool],
    )
  const meant = { ...call, tool: routed.tool.name, input: toJson(routed.input) }
  const where = `tool ${show(routed.tool.name)}`
  const schema = compileSchema(routed.tool.input, 'input', where, await loadJsonSchemaCompiler())
  const behind = explain(policy, { ...meant, input: await madeInput(schema, meant) }, meant.input)
  return summary([behind, explain(policy, call)], [routed.tool, tool])
}

function routeOf(
  tool: Tool | undefined,
  { agent, tenant = 'default', caller, input }: ExplainedCall,
): ReturnType<NonNullable<Tool['route']>> {
  // Whoever asks about a tool that is hidden is told why.
  return tool?.route?.(input, { agent, tenant, session: undefined, caller, isHidden: () => false })
}

function summary(parts: readonly PolicyExplanation[], tools: readonly (Tool | undefined)[]): CallExplanation {
  const asking = tools.find((tool) => tool?.approval === true)?.name
  const held = parts.filter(({ mode }) => mode === 'enforce')
  const strictest = held.toSorted((left, right) => STRICTNESS[right.verdict] - STRICTNESS[left.verdict])[0]
  const { verdict = 'allow', rule = 'dry-run' } = strictest ?? {}
  if (verdict !== 'allow') return { verdict, decidedBy: rule, parts }
  if (asking !== undefined) return { verdict: 'ask', decidedBy: `tool ${asking}`, parts }
  const isOutbound = tools[0]?.labels?.includes('outbound') === true
  return { verdict, decidedBy: rule, parts, ...(isOutbound ? { dataFlow: ['private', 'untrusted'] } : undefined) }
}

/** The arguments as the body gets them. */
async function madeInput(schema: CompiledSchema | undefined, { tool, input }: ExplainedCall): Promise<Json> {
  if (schema === undefined) return input
  const checked = await schema.validate(input)
  if (checked.issues === undefined) return toJson(checked.value)
  const why = checked.issues.map(({ message }) => message).join('; ')
  throw new OpspawnError('TOOL_INPUT_INVALID', `the arguments do not fit tool ${show(tool)}: ${why}`)
}
