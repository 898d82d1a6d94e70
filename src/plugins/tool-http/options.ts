import { type InferOutput, type Json, OpspawnError, type Schema, type Tool, type ToolEffectClass } from '../../core/index.ts'
import { checkOptions, type GuardedFetchOptions, OBJECT, oneOf, type OptionRule, TEXT, WHOLE } from '../../fetching/index.ts'
import { isSecret, type Secret } from './secret.ts'
import { readTemplate, readValue, type Template } from './template.ts'

/** The methods that a tool may use. */
export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** The value of a parameter; absent or null: the parameter is left out. */
export type QueryValue = string | number | boolean | null | undefined | readonly (string | number | boolean)[]

/** What is sent, made of the input of a call. */
export interface HttpRequest<Input> {
  /** @default 'GET' */
  readonly method?: HttpMethod | undefined
  /**
   * Absolute, with places for members of the input in path and query: `https://api.example.com/cities/{city}?units={units}`.
   * Values are encoded. One in the path has no slash and is not empty.
   */
  readonly url: string
  /** Further parameters; a text may have places. As a function: of the input. */
  readonly query?:
    | Readonly<Record<string, string | number | boolean | Secret>>
    | ((input: Input) => Readonly<Record<string, QueryValue>>)
    | undefined
  /** Keys belong here, as `secret(…)`. */
  readonly headers?: Readonly<Record<string, string | Secret>> | undefined
  /** `'input'`: the whole input as JSON. A function gives JSON, or `URLSearchParams` for a form. @default none */
  readonly body?: 'input' | ((input: Input) => Json | URLSearchParams) | undefined
}

type Passed = 'labels' | 'approval' | 'concurrency' | 'retry' | 'onUnknown'
type FromFetch = 'allow' | 'redirects' | 'maxBytes' | 'ca' | 'resolve'

/** What {@link httpTool} takes. */
export interface HttpToolOptions<S extends Schema> extends Pick<Tool, Passed>, Pick<GuardedFetchOptions, FromFetch> {
  /** As of any tool. */
  readonly name: string
  /** Shown to the model. */
  readonly description: string
  /** Of the arguments. */
  readonly input: S
  /** Of what the endpoint answers; checked by the engine before a model sees it. */
  readonly output?: Schema | undefined
  /** What is sent. */
  readonly request: HttpRequest<InferOutput<S>>
  /** What a good answer is: `json` needs a content type of JSON, `text` one of text, JSON or XML. @default 'json' */
  readonly answer?: 'json' | 'text' | undefined
  /** @default `pure` for GET and HEAD; `idempotent` for PUT, DELETE and with `idempotencyHeader`; else `unsafe` */
  readonly effect?: Exclude<ToolEffectClass, 'transactional'> | undefined
  /** Name of the header that tells the endpoint the call's idempotency key, for endpoints that heed one. @default none */
  readonly idempotencyHeader?: string | undefined
  /** Longest call in milliseconds. @default 30_000 */
  readonly timeoutMs?: number | undefined
  /** As of any tool: after a call that broke off, did it happen? */
  readonly verify?: Tool<InferOutput<S>>['verify'] | undefined
}

/** The options, read. */
export interface Settings {
  readonly name: string
  readonly method: HttpMethod
  readonly url: Template
  readonly query: readonly (readonly [name: string, value: readonly string[] | Secret])[]
  readonly queryOf: ((input: never) => Readonly<Record<string, QueryValue>>) | undefined
  readonly headers: readonly (readonly [name: string, value: string | Secret])[]
  readonly body: 'input' | ((input: never) => Json | URLSearchParams) | undefined
  readonly answer: 'json' | 'text'
  readonly effect: Exclude<ToolEffectClass, 'transactional'>
  readonly idempotencyHeader: string | undefined
  readonly timeoutMs: number
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
/** Checked by the engine, or by the fetch. */
const ELSEWHERE: OptionRule = { must: 'anything', fits: () => true }
const RULES: Readonly<Record<keyof HttpToolOptions<Schema>, OptionRule>> = {
  name: TEXT,
  description: TEXT,
  input: ELSEWHERE,
  output: ELSEWHERE,
  request: OBJECT,
  answer: oneOf('json', 'text'),
  effect: oneOf('pure', 'idempotent', 'unsafe'),
  idempotencyHeader: { must: 'the name of a header', fits: (value) => typeof value === 'string' && isHeader(value, 'x') },
  timeoutMs: {
    ...WHOLE,
    must: 'a whole number from 1 to 2147482647',
    fits: (v) => WHOLE.fits(v) && (v as number) < 2_147_482_648,
  },
  labels: ELSEWHERE,
  approval: ELSEWHERE,
  concurrency: ELSEWHERE,
  retry: ELSEWHERE,
  onUnknown: ELSEWHERE,
  verify: ELSEWHERE,
  allow: ELSEWHERE,
  redirects: ELSEWHERE,
  maxBytes: ELSEWHERE,
  ca: ELSEWHERE,
  resolve: ELSEWHERE,
}
const REQUEST_RULES: Readonly<Record<keyof HttpRequest<unknown>, OptionRule>> = {
  method: oneOf(...METHODS),
  url: TEXT,
  query: { must: 'an object or a function', fits: (value) => typeof value === 'function' || OBJECT.fits(value) },
  headers: OBJECT,
  body: { must: "'input' or a function", fits: (value) => value === 'input' || typeof value === 'function' },
}

/** Checks the options and reads them. @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID` */
export function settingsOf<S extends Schema>(options: HttpToolOptions<S>): Settings {
  checkOptions('httpTool', options, RULES)
  const where = `httpTool "${options.name}"`
  checkOptions(`${where}: request`, options.request, REQUEST_RULES)
  const { method = 'GET', url, query = {}, headers = {}, body } = options.request
  if (body !== undefined && (method === 'GET' || method === 'HEAD')) throw invalid(`${where}: a ${method} request has no body`)
  if (url === undefined) throw invalid(`${where}: request.url is missing`)
  const { answer = 'json', idempotencyHeader, timeoutMs = 30_000 } = options
  return {
    name: options.name,
    method,
    url: readTemplate(url),
    ...parametersOf(where, query),
    headers: headersOf(where, headers),
    body,
    answer,
    effect: options.effect ?? effectOf(method, idempotencyHeader),
    idempotencyHeader,
    timeoutMs,
  }
}

function parametersOf(where: string, given: NonNullable<HttpRequest<never>['query']>): Pick<Settings, 'query' | 'queryOf'> {
  if (typeof given === 'function') return { query: [], queryOf: given }
  const query = Object.entries<unknown>(given).map(([name, value]): Settings['query'][number] => {
    if (isSecret(value)) return [name, value]
    if (typeof value === 'string') return [name, readValue(value)]
    if (typeof value === 'boolean' || Number.isFinite(value)) return [name, [String(value)]]
    throw invalid(`${where}: query "${name}" must be a text, a number, true, false, or secret(…)`)
  })
  return { query, queryOf: undefined }
}

function effectOf(method: HttpMethod, idempotencyHeader: string | undefined): Settings['effect'] {
  if (method === 'GET' || method === 'HEAD') return 'pure'
  return method === 'PUT' || method === 'DELETE' || idempotencyHeader !== undefined ? 'idempotent' : 'unsafe'
}

function headersOf(where: string, headers: Readonly<Record<string, unknown>>): Settings['headers'] {
  return Object.entries(headers).map(([name, value]) => {
    if (!isHeader(name, 'x')) throw invalid(`${where}: ${JSON.stringify(name)} is not the name of a header`)
    // The value is not repeated: somebody may have written a key in it.
    if (isSecret(value) || (typeof value === 'string' && isHeader(name, value))) return [name, value]
    throw invalid(`${where}: header "${name}" must be a text that HTTP allows, or secret(…)`)
  })
}

function isHeader(name: string, value: string): boolean {
  try {
    return new Headers([[name, value]]).has(name) && !/[^\t\x20-\x7e\x80-\xff]/.test(value)
  } catch {
    return false
  }
}

function invalid(text: string): OpspawnError {
  return new OpspawnError('OPTIONS_INVALID', text)
}
