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

/** The kinds of failure; a code's row names its kind, and the kind fixes the status numbers, and whether trying again may help. */
const KINDS = {
  invalid: [400, 'INVALID_ARGUMENT', 2],
  missing: [404, 'NOT_FOUND', 3],
  conflict: [409, 'FAILED_PRECONDITION', 4],
  exists: [409, 'ALREADY_EXISTS', 4],
  denied: [403, 'PERMISSION_DENIED', 5],
  full: [429, 'RESOURCE_EXHAUSTED', 6, true],
  spent: [422, 'RESOURCE_EXHAUSTED', 7],
  failed: [422, 'ABORTED', 1],
  timeout: [504, 'DEADLINE_EXCEEDED', 8, true],
  unavailable: [503, 'UNAVAILABLE', 9, true],
  cancelled: [499, 'CANCELLED', 130],
  setup: [500, 'FAILED_PRECONDITION', 78],
  internal: [500, 'INTERNAL', 70],
} as const

/** The gRPC status names that errors of this package map to. */
export type GrpcStatus = (typeof KINDS)[keyof typeof KINDS][1]

/** Of each code its kind and what it means. */
const TABLE = {
  AGENT_INVALID: 'setup: An agent has a missing or wrong member',
  AGENT_UNKNOWN: 'missing: No agent of that name is registered',
  APPROVAL_DECIDED: 'conflict: The approval was given or refused',
  APPROVAL_DENIED: 'denied: A person refused the call',
  APPROVAL_EXPIRED: 'denied: The approval was not answered in time',
  APPROVAL_UNKNOWN: 'missing: The run waits for no approval of that key',
  BUDGET_EXCEEDED: 'spent: The run, with its children, has no budget left',
  BUDGET_PRICE_UNKNOWN: 'setup: A cost limit is set but a model has no price',
  CASSETTE_MISMATCH: 'failed: A replayed run asked for what was not recorded',
  DOCUMENT_CONFLICT: 'conflict: The document has changed since it was read',
  EFFECT_UNKNOWN: 'failed: An interrupted call may have happened',
  INPUT_INVALID: 'invalid: The input does not fit its schema',
  INTERNAL: 'internal: A fault inside opspawn or a plugin',
  JSON_INVALID: 'invalid: A value is not plain JSON',
  LEASE_LOST: 'conflict: Another worker owns the run now',
  LIMIT_INVALID: 'setup: A limit has a wrong value',
  MEMORY_CONFLICT: 'conflict: The id is taken, or the record was changed',
  MEMORY_FAILED: 'unavailable: A memory call failed',
  MEMORY_INPUT_INVALID: 'invalid: What a memory was given cannot be used',
  MEMORY_MISMATCH: 'setup: A memory has another format or embedder',
  MEMORY_RECORD_UNKNOWN: 'missing: No record of that id exists',
  MEMORY_UNKNOWN: 'missing: No memory of that name is registered',
  MODEL_ANSWER_INVALID: "failed: A model's answer cannot be used",
  MODEL_FAILED: 'failed: A model call failed',
  MODEL_INTERRUPTED: 'unavailable: A model broke off its answer',
  MODEL_RATE_LIMITED: 'full: A provider asked to slow down',
  MODEL_UNAVAILABLE: 'unavailable: A provider is unreachable or overloaded',
  MODEL_UNKNOWN: 'missing: The agent has no model of that name',
  MODEL_UNSUPPORTED: 'setup: The value is not a model of a known version',
  NAME_DUPLICATE: 'setup: Two parts of a kind carry the same name',
  NAME_INVALID: 'invalid: A name has a wrong character or length',
  OPTIONS_INVALID: 'invalid: An option is missing, unknown or wrong',
  ORCHESTRATOR_DRAINING: 'unavailable: The orchestrator is stopping',
  OUTPUT_INVALID: 'failed: The output does not fit its schema',
  PAYLOAD_TOO_LARGE: 'invalid: A value is larger than the limit',
  PLAN_FAILED: 'failed: The plan failed in all its revisions',
  PLANNER_DECISION_INVALID: "failed: A planner's decision cannot be used",
  PLANNER_FAILED: 'failed: A planner could not decide',
  PLANNER_STALLED: 'failed: A planner waits for nothing',
  PLUGIN_CAPABILITY_MISSING: 'setup: A part needs what another part lacks',
  PLUGIN_INVALID: 'setup: A plugin has a missing or wrong member',
  PLUGIN_PACKAGE_MISSING: 'setup: A plugin needs a package that is not installed',
  PLUGIN_SPEC_UNSUPPORTED: 'setup: A plugin speaks another version of its contract',
  POLICY_DENIED: 'denied: A policy rule refused the call',
  QUEUE_FULL: 'full: The queue is full',
  RUN_CANCELLED: 'cancelled: The run was cancelled',
  RUN_EXISTS: 'exists: The id or idempotency key is taken',
  RUN_FINISHED: 'conflict: The run has ended',
  RUN_QUARANTINED: 'failed: The run crashed too many workers',
  RUN_TIMEOUT: 'timeout: The run did not finish in time',
  RUN_UNKNOWN: 'missing: No run of that id exists',
  SCHEDULE_INVALID: 'invalid: A schedule has a wrong member',
  SCHEDULE_MISSED: 'failed: A schedule missed more slots than can be made good',
  SCHEDULE_UNKNOWN: 'missing: No schedule of that name exists',
  SCHEMA_NOT_CONVERTIBLE: 'setup: A schema cannot be written as JSON Schema',
  SEQUENCE_CONFLICT: 'conflict: The history has grown since it was read',
  SIGNAL_INVALID: 'invalid: A signal has a reserved or malformed name',
  STATE_INVALID: 'conflict: There is no such transition',
  STORE_FAILED: 'unavailable: A store call failed',
  TOOL_CHANGED: 'denied: The tool is not the one that was approved',
  TOOL_FAILED: 'failed: A tool threw',
  TOOL_INPUT_INVALID: 'invalid: The arguments do not fit; the tool did not run',
  TOOL_OUTPUT_INVALID: 'failed: The result does not fit its schema or is not JSON',
  TOOL_TIMEOUT: 'timeout: A tool did not finish in time',
  TOOL_UNKNOWN: 'missing: The agent has no tool of that name',
  WAIT_EXPIRED: 'timeout: A wait was not met in time',
} as const

/** Every code that this package throws or records. Codes are stable: none changes its meaning. */
export type ErrorCode = keyof typeof TABLE

/** The codes in alphabetical order. */
export const ERROR_CODES: readonly ErrorCode[] = Object.keys(TABLE) as ErrorCode[]

/** Looks up what a code means; an unknown code (from a newer copy of the package) reads as `INTERNAL`. */
export function errorInfo(code: string): ErrorInfo {
  const row = TABLE[Object.hasOwn(TABLE, code) ? (code as ErrorCode) : 'INTERNAL']
  const [kind, meaning] = row.split(': ') as [keyof typeof KINDS, string]
  const [http, grpc, exit, retryable = false]: readonly [number, GrpcStatus, number, boolean?] = KINDS[kind]
  return { meaning: `${meaning}.`, retryable, http, grpc, exit }
}

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
    if (typeof value !== 'object' || value === null) return false
    try {
      return brand in value && (code === undefined || (value as unknown as OpspawnError).code === code)
    } catch {
      // A proxy can throw at anything.
      return false
    }
  }
}
