import type { Json } from './json.ts'

/** What one error code means on every surface. */
export interface ErrorInfo {
  /** One sentence for people. */
  readonly meaning: string
  /** Whether the same call may succeed when it is made again. */
  readonly retryable: boolean
  /** HTTP status of a REST answer. */
  readonly http: number
  /** gRPC status name. */
  readonly grpc: GrpcStatus
  /** Exit code of the command line. */
  readonly exit: number
}

/** Of each status its codes, and what they mean. A status is that of HTTP, that of gRPC, the exit code, and whether trying again may help. */
const TABLE = {
  '400 INVALID_ARGUMENT 2': {
    INPUT_INVALID: 'The input does not fit its schema',
    JSON_INVALID: 'The value is not plain JSON',
    MEMORY_INPUT_INVALID: "A memory's input cannot be used",
    NAME_INVALID: 'A name has a wrong character or length',
    OPTIONS_INVALID: 'An option is missing, unknown or wrong',
    PAYLOAD_TOO_LARGE: 'The value is larger than the limit',
    SCHEDULE_INVALID: 'A schedule has a missing or wrong member',
    SIGNAL_INVALID: 'A signal has a reserved or wrong name',
    TOOL_INPUT_INVALID: 'The input does not fit its schema; the tool did not run',
  },
  '404 NOT_FOUND 3': {
    AGENT_UNKNOWN: 'No such agent is registered',
    APPROVAL_UNKNOWN: 'The run has no such approval',
    MEMORY_RECORD_UNKNOWN: 'No such record exists',
    MEMORY_UNKNOWN: 'No such memory is registered',
    MODEL_UNKNOWN: 'The agent has no such model',
    RUN_UNKNOWN: 'No such run exists',
    SCHEDULE_UNKNOWN: 'No such schedule exists',
    TOOL_UNKNOWN: 'The agent has no such tool',
  },
  '409 FAILED_PRECONDITION 4': {
    APPROVAL_DECIDED: 'The approval was given or refused',
    DOCUMENT_CONFLICT: 'The document has changed since it was read',
    LEASE_LOST: 'Another worker has the run now',
    MEMORY_CONFLICT: 'The id is taken, or the record has changed since it was read',
    RUN_FINISHED: 'The run has finished',
    SEQUENCE_CONFLICT: 'The history has changed since it was read',
    STATE_INVALID: 'There is no such transition',
  },
  '409 ALREADY_EXISTS 4': { RUN_EXISTS: 'The id or idempotency key is taken' },
  '403 PERMISSION_DENIED 5': {
    ADDRESS_REFUSED: 'The address may not be called',
    APPROVAL_DENIED: 'A person refused the call',
    APPROVAL_EXPIRED: 'An approval was not answered in time',
    POLICY_DENIED: 'A policy rule refused the call',
    TOOL_CHANGED: 'The tool has changed since it was approved',
  },
  '429 RESOURCE_EXHAUSTED 6 retryable': {
    MODEL_RATE_LIMITED: 'The model was called too often',
    QUEUE_FULL: 'A queue is full',
    TOOL_RATE_LIMITED: 'The tool was called too often',
  },
  '422 RESOURCE_EXHAUSTED 7': { BUDGET_EXCEEDED: 'The run with its children has no budget left' },
  '422 ABORTED 1': {
    CASSETTE_MISMATCH: 'The replay asked for what was not recorded',
    EFFECT_UNKNOWN: 'The interrupted call may have happened',
    MODEL_ANSWER_INVALID: "The model's answer cannot be used",
    MODEL_FAILED: 'The model call failed',
    OUTPUT_INVALID: 'The output does not fit its schema',
    PLANNER_DECISION_INVALID: "A planner's decision cannot be used",
    PLANNER_FAILED: 'The planner could not decide',
    PLANNER_STALLED: 'The planner waits for nothing',
    PLAN_FAILED: 'The plan failed in all its revisions',
    RUN_QUARANTINED: 'The run crashed too many workers',
    SCHEDULE_MISSED: 'The schedule missed too many slots',
    TOOL_FAILED: 'A tool call failed',
    TOOL_OUTPUT_INVALID: 'The output does not fit its schema or is not JSON',
  },
  '504 DEADLINE_EXCEEDED 8 retryable': {
    RUN_TIMEOUT: 'The run did not finish in time',
    TOOL_TIMEOUT: 'The tool did not finish in time',
    WAIT_EXPIRED: 'A wait did not finish in time',
  },
  '503 UNAVAILABLE 9 retryable': {
    MEMORY_FAILED: 'A memory call failed',
    MODEL_INTERRUPTED: 'A model call was interrupted',
    MODEL_UNAVAILABLE: 'A model cannot be reached or is overloaded',
    ORCHESTRATOR_DRAINING: 'The orchestrator is stopping',
    STORE_FAILED: 'A store call failed',
    TOOL_UNAVAILABLE: 'The tool cannot be reached; nothing was done',
  },
  '499 CANCELLED 130': { RUN_CANCELLED: 'The run was cancelled' },
  '500 FAILED_PRECONDITION 78': {
    AGENT_INVALID: 'The agent has a missing or wrong member',
    BUDGET_PRICE_UNKNOWN: 'A model has no price for the cost limit',
    LIMIT_INVALID: 'A limit has a wrong value',
    MEMORY_MISMATCH: 'The memory has another format or embedder',
    MODEL_UNSUPPORTED: 'A model has an unknown version',
    NAME_DUPLICATE: 'Another part has the same name',
    PLUGIN_CAPABILITY_MISSING: 'A part needs what another part lacks',
    PLUGIN_INVALID: 'The plugin has a missing or wrong member',
    PLUGIN_PACKAGE_MISSING: 'A plugin needs a package that is missing',
    PLUGIN_SPEC_UNSUPPORTED: 'The plugin has an unknown version',
    SCHEMA_NOT_CONVERTIBLE: 'A schema cannot be written as JSON Schema',
  },
  '500 INTERNAL 70': { INTERNAL: 'A fault of opspawn or a plugin' },
} as const

type Status = keyof typeof TABLE

/** The gRPC status names that errors of this package map to. */
export type GrpcStatus = Status extends `${string} ${infer Grpc} ${string}` ? Grpc : never

/** Every code that this package throws or records. Codes are stable: none changes its meaning. */
export type ErrorCode = { [S in Status]: keyof (typeof TABLE)[S] }[Status]

const INFO = new Map<string, ErrorInfo>(
  Object.entries(TABLE).flatMap(([status, codes]) => {
    const [http, grpc, exit, retryable] = status.split(' ')
    const row = { retryable: retryable !== undefined, http: Number(http), grpc: grpc as GrpcStatus, exit: Number(exit) }
    return Object.entries(codes).map(([code, meaning]) => [code, { meaning: `${meaning}.`, ...row }] as const)
  }),
)

/** The codes in alphabetical order. */
export const ERROR_CODES: readonly ErrorCode[] = ([...INFO.keys()] as ErrorCode[]).toSorted()

/** Looks up what a code means; an unknown code (from a newer copy of the package) reads as `INTERNAL`. */
export const errorInfo = (code: string): ErrorInfo => ({ ...(INFO.get(code) ?? (INFO.get('INTERNAL') as ErrorInfo)) })

const brand: unique symbol = Symbol.for('opspawn.error') as never

/** What {@link OpspawnError} takes besides code and message. */
export interface OpspawnErrorOptions {
  /** The error behind this one. */
  readonly cause?: unknown
  /** Overrides the code's row. */
  readonly retryable?: boolean | undefined
  /** Data for programs: names, paths, limits. Never a secret. */
  readonly details?: Json | undefined
}

/**
 * The one error class. Programs branch on `code`; the message says what failed, where, and what to do.
 * Recognise it with {@link OpspawnError.is}, which also works when two copies of the package meet.
 */
export class OpspawnError extends Error {
  /** Stable code, a row of the error table. */
  declare readonly code: ErrorCode
  /** Whether the same call may succeed when it is made again. */
  declare readonly retryable: boolean
  /** Data for programs. */
  declare readonly details: Json | undefined

  /**
   * An error of opspawn.
   *
   * @param message what was wrong, where, and what to do.
   */
  constructor(code: ErrorCode, message: string, options: OpspawnErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'OpspawnError'
    this.code = code
    this.retryable = options.retryable ?? errorInfo(code).retryable
    this.details = options.details
    Object.defineProperty(this, brand, { value: true })
  }

  /** Tells whether a value is an error of this package, from whichever copy, and of the code if one is given. */
  static is(value: unknown, code?: ErrorCode): value is OpspawnError {
    try {
      return brand in (value as object) && (code === undefined || (value as OpspawnError).code === code)
    } catch {
      // What is no object has no members, and a proxy can throw at anything.
      return false
    }
  }
}
