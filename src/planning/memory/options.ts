import { OpspawnError } from '../../core/index.ts'
import { ABOVE_0, FLAG, LIST, OBJECT, type OptionRule, TEXT, WHOLE, checkOptions } from '../check-options.ts'
import { type CountTokens, checkedCount, estimateTokens } from './tokens.ts'
import { type MemoryTexts, memoryTexts } from './texts.ts'

/** How a planner uses the memory of its agent, and how much of the past it shows to the model. */
export interface MemoryOptions {
  /** One of the agent's memories. @default the first */
  readonly name?: string
  /**
   * What the conversation before the input, the working memory, the summary and what is recalled may take together, in
   * tokens. Instructions and input are not counted; they always go in. Given, it bounds the conversation of agents
   * without a memory too. @default 16_000
   */
  readonly tokens?: number
  /** Looks for what fits the input before the first model call; `false`: does not. */
  readonly recall?: false | RecallSettings
  /** Keeps input and output of each run that completes. @default true */
  readonly remember?: boolean
  /** Shows the working memory that the tool `working_memory_update` keeps. @default false */
  readonly working?: boolean | WorkingSettings
  /** Sums up what does not fit any more, once for several runs; `false`: it is only left out. */
  readonly compaction?: false | CompactionSettings
  /** Counts the tokens of a text. Must be pure. @default a quarter of its characters, rounded up */
  readonly countTokens?: CountTokens
  /** Other words for what the model is told. Not part of the planner's version: change them between runs. */
  readonly texts?: Partial<MemoryTexts>
}

/** What is recalled before the first model call. */
export interface RecallSettings {
  /** Of all items together, as the memory counts them. @default 2_000 */
  readonly tokens?: number
  /** How many, 1 to 1,000. @default 10 */
  readonly items?: number
  /**
   * `['session']` also finds what other sessions of the agent have left. Leave it out where sessions are people.
   * @default none
   */
  readonly across?: readonly 'session'[]
}

/** Which working memory is shown. */
export interface WorkingSettings {
  /** Longest document that is shown whole, in tokens; what is longer is cut. @default 1_000 */
  readonly tokens?: number
  /** One document for each session, or one for all sessions of the agent. @default 'session' */
  readonly level?: 'session' | 'agent'
}

/** How the older part of a conversation is summed up. */
export interface CompactionSettings {
  /** One of the agent's models writes the summary. @default none: the beginnings of the messages are kept */
  readonly model?: string
  /** Longest summary. @default 500 */
  readonly tokens?: number
}

/** The options, filled in. */
export interface MemorySettings {
  readonly name: string | undefined
  readonly tokens: number
  /** The window holds for agents without a memory too. */
  readonly isBounded: boolean
  readonly recall: Required<RecallSettings> | undefined
  readonly remember: boolean
  readonly working: Required<WorkingSettings> | undefined
  readonly compaction: { readonly model: string | undefined; readonly tokens: number } | undefined
  readonly count: CountTokens
  readonly texts: MemoryTexts
}

/** The option `memory` of a planner. */
export const MEMORY: OptionRule = {
  must: 'false or an object',
  fits: (value) => value === false || OBJECT.fits(value),
}

const FUNCTION: OptionRule = { must: 'a function', fits: (value) => typeof value === 'function' }
const RULES = {
  name: TEXT,
  tokens: ABOVE_0,
  recall: MEMORY,
  remember: FLAG,
  working: { must: 'true, false or an object', fits: (value: unknown) => FLAG.fits(value) || OBJECT.fits(value) },
  compaction: MEMORY,
  countTokens: FUNCTION,
  texts: OBJECT,
}
const ITEMS: OptionRule = {
  must: 'a whole number from 1 to 1,000',
  fits: (value) => WHOLE.fits(value) && (value as number) <= 1_000,
  code: 'LIMIT_INVALID',
}
const ACROSS: OptionRule = {
  must: "['session'] or an empty list",
  fits: (value) => LIST.fits(value) && (value as readonly unknown[]).every((label) => label === 'session'),
}
const LEVEL: OptionRule = { must: "'session' or 'agent'", fits: (value) => value === 'session' || value === 'agent' }

/**
 * Checks the option `memory` of a planner and fills it in; nothing where it is switched off.
 *
 * @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID`
 */
export function memorySettings(planner: string, options: false | MemoryOptions = {}): MemorySettings | undefined {
  if (options === false) return undefined
  const where = `${planner}: memory`
  checkOptions(where, options, RULES)
  const { name, tokens = 16_000, remember = true } = options
  return {
    name,
    tokens,
    isBounded: options.tokens !== undefined,
    recall: recallSettings(where, options.recall),
    remember,
    working: workingSettings(where, options.working),
    compaction: compactionSettings(where, options.compaction),
    count: options.countTokens === undefined ? estimateTokens : checkedCount(options.countTokens),
    texts: checkedTexts(where, options.texts),
  }
}

function recallSettings(where: string, recall: MemoryOptions['recall'] = {}): MemorySettings['recall'] {
  if (recall === false) return undefined
  checkOptions(`${where}.recall`, recall, { tokens: WHOLE, items: ITEMS, across: ACROSS })
  const { tokens = 2_000, items = 10, across = [] } = recall
  return { tokens, items, across }
}

function workingSettings(where: string, given: MemoryOptions['working'] = false): MemorySettings['working'] {
  if (given === false) return undefined
  const working = given === true ? {} : given
  checkOptions(`${where}.working`, working, { tokens: WHOLE, level: LEVEL })
  const { tokens = 1_000, level = 'session' } = working
  return { tokens, level }
}

function compactionSettings(where: string, compaction: MemoryOptions['compaction'] = {}): MemorySettings['compaction'] {
  if (compaction === false) return undefined
  checkOptions(`${where}.compaction`, compaction, { model: TEXT, tokens: WHOLE })
  return { model: compaction.model, tokens: compaction.tokens ?? 500 }
}

function checkedTexts(where: string, texts: Partial<MemoryTexts> = {}): MemoryTexts {
  checkOptions(`${where}.texts`, texts, { block: FUNCTION, summarize: FUNCTION })
  const filled = { ...memoryTexts, ...texts }
  if (typeof filled.block === 'function' && typeof filled.summarize === 'function') return filled
  throw new OpspawnError('OPTIONS_INVALID', `${where}.texts: block and summarize cannot be taken away; leave them out`)
}

/** What of the option counts for a planner's version: all but the words. */
export function memoryVersion(options: false | MemoryOptions | undefined): unknown {
  if (typeof options !== 'object') return options
  const { texts: _texts, countTokens, ...counted } = options
  return countTokens === undefined ? counted : { ...counted, countTokens: 'given' }
}
