import { type JsonObject, type Memory, OpspawnError, type ToolLabel } from '../../core/index.ts'

/** What {@link memoryTools} may be told. */
export interface MemoryToolsOptions {
  /** What the names of the tools begin with: `memory_search`. Another one for a second memory of the same agent. @default 'memory' */
  readonly prefix?: string
  /** Searching also finds what other sessions of the agent have left. Leave it out where sessions are people. @default false */
  readonly acrossSessions?: boolean
  /**
   * What the records are, for the data-flow rule: searching brings these labels into a run, and what is written carries
   * them. Only less where you know what the memory holds.
   *
   * @default ['private', 'untrusted']
   */
  readonly labels?: readonly Exclude<ToolLabel, 'outbound'>[]
  /**
   * Longest answer of a search, in tokens as the memory counts them.
   *
   * @default 2_000
   */
  readonly tokens?: number
  /** How forgetting is done: hidden until upkeep removes it, removed for good, or `false`: there is no such tool. @default 'soft' */
  readonly forget?: 'soft' | 'erase' | false
  /** Adds `working_memory_update`, which keeps one document that planners show in every prompt. @default none */
  readonly working?: boolean | WorkingMemoryOptions
}

/** The document of the working memory. */
export interface WorkingMemoryOptions {
  /** JSON Schema of the document: an object. @default any object */
  readonly schema?: JsonObject
  /** One document for each session, or one for all sessions of the agent. @default 'session' */
  readonly level?: 'session' | 'agent'
  /** Longest document in characters of JSON; a longer one is refused. @default 4_000 */
  readonly maxLength?: number
}

/** The options, filled in. */
export interface Settings {
  readonly memory: Memory
  readonly prefix: string
  readonly acrossSessions: boolean
  readonly labels: readonly ToolLabel[]
  readonly tokens: number
  readonly forget: 'soft' | 'erase' | false
  readonly working: Required<WorkingMemoryOptions> | undefined
}

type Check = readonly [must: string, fits: (value: unknown) => boolean]

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)
const FLAG: Check = ['true or false', (value) => typeof value === 'boolean']
const WHOLE: Check = ['a whole number above 0', (value) => Number.isSafeInteger(value) && (value as number) > 0]
const LABELS: Check = [
  "a list of 'private' and 'untrusted'",
  (value) => Array.isArray(value) && value.every((label) => label === 'private' || label === 'untrusted'),
]
const CHECKS: Readonly<Record<keyof MemoryToolsOptions, Check>> = {
  prefix: ['1 to 40 letters, digits, _ or -', (value) => typeof value === 'string' && /^[A-Za-z0-9_-]{1,40}$/.test(value)],
  acrossSessions: FLAG,
  labels: LABELS,
  tokens: WHOLE,
  forget: ["'soft', 'erase' or false", (value) => value === 'soft' || value === 'erase' || value === false],
  working: ['true, false or an object', (value) => typeof value === 'boolean' || isObject(value)],
}
const WORKING_CHECKS: Readonly<Record<keyof WorkingMemoryOptions, Check>> = {
  schema: [
    'a JSON Schema of type object',
    (value) => isObject(value) && ((value as JsonObject)['type'] ?? 'object') === 'object',
  ],
  level: ["'session' or 'agent'", (value) => value === 'session' || value === 'agent'],
  maxLength: WHOLE,
}

/** Checks what was given and fills it in. @throws OpspawnError `OPTIONS_INVALID` */
export function settingsOf(memory: Memory, options: MemoryToolsOptions): Settings {
  if ((memory as Memory | undefined)?.spec !== 'memory/1' || typeof memory.bind !== 'function')
    throw invalid('memoryTools takes a memory, such as inProcessMemory()')
  check('memoryTools', options, CHECKS)
  const {
    prefix = 'memory',
    acrossSessions = false,
    labels = ['private', 'untrusted'],
    tokens = 2_000,
    forget = 'soft',
  } = options
  return { memory, prefix, acrossSessions, labels, tokens, forget, working: workingOf(options.working) }
}

function workingOf(given: MemoryToolsOptions['working'] = false): Settings['working'] {
  if (given === false) return undefined
  const options = given === true ? {} : given
  check('memoryTools: working', options, WORKING_CHECKS)
  const { schema = {}, level = 'session', maxLength = 4_000 } = options
  return { schema: { ...schema, type: 'object' }, level, maxLength }
}

function check(where: string, options: object, checks: Readonly<Record<string, Check>>): void {
  if (!isObject(options)) throw invalid(`${where} must be an object`)
  for (const [member, value] of Object.entries(options)) {
    const [must, fits] = Object.hasOwn(checks, member) ? (checks[member] as Check) : []
    if (must === undefined || fits === undefined)
      throw invalid(`${where} has no member ${JSON.stringify(member)}; it may have ${Object.keys(checks).join(', ')}`)
    if (value !== undefined && !fits(value)) throw invalid(`${where}: ${member} must be ${must}`)
  }
}

function invalid(text: string): OpspawnError {
  return new OpspawnError('OPTIONS_INVALID', text)
}
