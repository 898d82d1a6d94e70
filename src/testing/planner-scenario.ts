import type {
  Effect,
  JsonObject,
  Json,
  Message,
  ModelAnswer,
  ModelEffect,
  Outcome,
  OfferedTool,
  RunDefinition,
  RunView,
} from '../core/index.ts'

/** Where a scripted run stands when one of its effects is performed. */
export interface ScenarioTurn {
  /** As it is when the effect is performed. */
  readonly run: RunView
  /** Model calls performed before. */
  readonly modelCalls: number
  /** Tool calls and child runs performed before. */
  readonly toolCalls: number
}

/** The same for a model call. */
export interface ModelTurn extends ScenarioTurn {
  /** The call to answer. */
  readonly effect: ModelEffect
}

/** A tool call that a scripted model makes. */
export interface ScriptedCall {
  /**
   * One that is on offer, or the name of one that is not.
   *
   * @property alias The name that the model writes.
   */
  readonly tool: OfferedTool | { readonly alias: string }
  /** Text stands for arguments that are no JSON object, as the model wrote them. */
  readonly input: JsonObject | string
}

/** How a model speaks to a planner: what makes an answer of a text, and what a wish to call tools. */
export interface PlannerDialect {
  /** What a final text looks like. */
  readonly answer: (text: string, turn: ModelTurn) => ModelAnswer
  /** What a wish to call a tool looks like. */
  readonly call: (calls: readonly ScriptedCall[], turn: ModelTurn) => ModelAnswer
}

/** A run to drive a planner through: the definition, and what becomes of each effect. */
export interface PlannerScenario {
  /** Of the case; unique in the suite. */
  readonly name: string
  /** Members that differ from the suite's definition. */
  readonly definition?: Partial<RunDefinition>
  /** Of the run. @default the suite's */
  readonly input?: Json
  /** Conversation before the input. */
  readonly messages?: readonly Message[]
  /** What performing an effect comes to; `undefined` leaves it to a world where everything succeeds. */
  readonly respond?: (effect: Effect, turn: ScenarioTurn, dialect: PlannerDialect) => Outcome | undefined
  /** In which order the effects of one decision settle. @default 'asked' */
  readonly order?: 'asked' | 'reverse'
  /** How many outputs are refused for not fitting the schema. @default 0 */
  readonly refusals?: number
  /** How the run must end. @default either way */
  readonly ends?: 'finish' | 'fail'
  /** No tool and no child run may be asked for. */
  readonly withoutTools?: boolean
}

/** An answer of a model that counts its tokens. */
export function scriptedAnswer(content: ModelAnswer['content'], finishReason = 'stop'): ModelAnswer {
  return { content, finishReason, usage: { input: 10, output: 5 } }
}

/** A model with native tool calls. */
export const nativeDialect: PlannerDialect = {
  answer: (text) => scriptedAnswer([{ type: 'text', text }]),
  call: (calls, { modelCalls }) =>
    scriptedAnswer(
      calls.map(({ tool, input }, index) => ({
        type: 'tool-call',
        toolCallId: `call-${modelCalls}-${index}`,
        toolName: tool.alias,
        input: typeof input === 'string' ? input : JSON.stringify(input),
      })),
      'tool-calls',
    ),
}
