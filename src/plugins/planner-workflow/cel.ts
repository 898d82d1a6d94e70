import type * as CelLibrary from '@bufbuild/cel'
import { type Json, OpspawnError } from '../../core/index.ts'
import { WORKFLOW_LIMITS } from './limits.ts'
import type { Scope, ValuePath } from './value-path.ts'
import { followPath } from './value-path.ts'

type Library = typeof CelLibrary
type Planned = ReturnType<Library['plan']>
/** A parsed expression of the library. */
export type CelExpr = NonNullable<ReturnType<Library['parse']>['expr']>

/** What of CEL is needed here. */
export interface Cel {
  /** @throws Error whose text says what is wrong, with `location` where it is known */
  parse(text: string): CelExpr
  /** Whether there is a function or method of that name. */
  knows(name: string): boolean
  /** Makes an expression ready to run over the paths that it reads. */
  plan(expr: CelExpr, paths: readonly ValuePath[], itemLimit: number): (scope: Scope) => Json
}

/** Loads the library at first use. @throws OpspawnError `PLUGIN_PACKAGE_MISSING` */
export async function loadCel(): Promise<Cel> {
  let library: Library
  try {
    library = await import('@bufbuild/cel')
  } catch (error) {
    const text =
      'a workflow has an expression that is more than a path, and the package @bufbuild/cel, which evaluates it, is not installed: npm install @bufbuild/cel'
    throw new OpspawnError('PLUGIN_PACKAGE_MISSING', text, { cause: error })
  }
  return createCel(library)
}

/** Operators that the library builds in. */
const BUILT_IN: ReadonlySet<string> = new Set(['_&&_', '_||_', '_?_:_', '_[_]', '@not_strictly_false', '!_'])

function createCel(library: Library): Cel {
  const { celEnv, celFunc, CelScalar, listType } = library
  const { STRING, DYN } = CelScalar
  const list = listType(DYN)
  const arrays = new WeakMap<object, readonly unknown[]>()
  const arrayOf = (items: Iterable<unknown> & object): readonly unknown[] => arrays.get(items) ?? Array.from(items)
  // Joining is how small values grow without end: bounded where it happens.
  const env = celEnv({
    funcs: [
      celFunc('_+_', [STRING, STRING], STRING, (left, right) => {
        if (left.length + right.length <= WORKFLOW_LIMITS.expressionText) return left + right
        throw new Error(`a text longer than ${WORKFLOW_LIMITS.expressionText} characters was made`)
      }),
      celFunc('_+_', [list, list], list, (left, right) => {
        // Copied: the library's own joining nests, and a comprehension over some thousands of items would overflow the stack.
        if (left.size + right.size <= WORKFLOW_LIMITS.expressionValues) {
          const items = arrayOf(left).concat(arrayOf(right))
          const joined = library.celList(items as never)
          arrays.set(joined, items)
          return joined
        }
        throw new Error(`a list of more than ${WORKFLOW_LIMITS.expressionValues} items was made`)
      }),
    ],
  })
  return {
    parse(text) {
      const { expr } = library.parse(text)
      if (expr === undefined) throw new Error('it is empty')
      return expr
    },
    knows: (name) => BUILT_IN.has(name) || env.funcs.find(name) !== undefined,
    plan(expr, paths, itemLimit) {
      const planned: Planned = library.plan(env, expr)
      const shortest = withoutLonger(paths)
      return (scope) => {
        const result = planned(bind(scope, shortest, itemLimit) as never)
        if (library.isCelError(result)) throw new Error(explain(result.message))
        return new Output(library).json(result)
      }
    },
  }
}

function explain(message: string): string {
  if (!message.startsWith('found no matching overload')) return message
  return `${message}. Numbers with and without a fraction do not mix: convert with double(x) or int(x)`
}

/** Leaves out what a shorter path brings along. */
function withoutLonger(paths: readonly ValuePath[]): readonly ValuePath[] {
  const begins = (path: ValuePath, other: ValuePath): boolean =>
    path.root === other.root && other.steps.length < path.steps.length && other.steps.every((step, at) => step === path.steps[at])
  return paths.filter((path) => !paths.some((other) => begins(path, other)))
}

/** Hands in what the paths lead to and nothing else, as maps that have no prototype to walk. */
function bind(scope: Scope, paths: readonly ValuePath[], itemLimit: number): Record<string, unknown> {
  const bindings: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  const input = new Input(itemLimit)
  for (const path of paths) {
    // A list is handed in whole: what stands behind an index is found by the library.
    const end = path.steps.findIndex((step) => typeof step === 'number')
    const steps = end < 0 ? path.steps : path.steps.slice(0, end)
    const found = followPath(scope, { root: path.root, steps })
    if (found.value === undefined) {
      if (found.steps >= 0) bindings[path.root] ??= new Map()
      continue
    }
    const isEmpty = found.steps < steps.length && typeof found.value === 'object' && found.value !== null
    place(
      bindings,
      path.root,
      steps.slice(0, found.steps),
      isEmpty && !Array.isArray(found.value) ? new Map() : input.value(found.value),
    )
  }
  return bindings
}

function place(bindings: Record<string, unknown>, root: string, steps: readonly (string | number)[], value: unknown): void {
  if (steps.length === 0) {
    bindings[root] ??= value
    return
  }
  let map = bindings[root]
  if (!(map instanceof Map)) bindings[root] = map = new Map()
  for (const step of steps.slice(0, -1)) {
    const inner = (map as Map<unknown, unknown>).get(step)
    const next: unknown = inner instanceof Map ? inner : new Map()
    ;(map as Map<unknown, unknown>).set(step, next)
    map = next
  }
  const last = steps.at(-1)
  // What another path put there holds more than an empty map.
  if (value instanceof Map && value.size === 0 && (map as Map<unknown, unknown>).has(last)) return
  ;(map as Map<unknown, unknown>).set(last, value)
}

/** Turns JSON into what the library reads: whole numbers become `int`, objects maps. */
class Input {
  #left: number = WORKFLOW_LIMITS.expressionValues
  readonly #itemLimit: number

  constructor(itemLimit: number) {
    this.#itemLimit = itemLimit
  }

  value(json: Json): unknown {
    this.#left -= 1
    if (this.#left < 0) throw new Error(`it would read more than ${WORKFLOW_LIMITS.expressionValues} values`)
    if (typeof json === 'number') return Number.isSafeInteger(json) ? BigInt(json) : json
    if (typeof json !== 'object' || json === null) return json
    if (Array.isArray(json)) {
      if (json.length > this.#itemLimit) {
        throw new Error(
          `a list has ${json.length} items; for an expression with these comprehensions the limit is ${this.#itemLimit}`,
        )
      }
      return json.map((item) => this.value(item as Json))
    }
    return new Map(Object.entries(json).map(([key, item]) => [key, this.value(item as Json)]))
  }
}

/** Turns a result back into JSON. */
class Output {
  readonly #library: Library
  #left: number = WORKFLOW_LIMITS.expressionValues
  #text: number = WORKFLOW_LIMITS.expressionText * 2

  constructor(library: Library) {
    this.#library = library
  }

  json(value: unknown): Json {
    this.#left -= 1
    if (this.#left < 0) throw new Error(`it gives more than ${WORKFLOW_LIMITS.expressionValues} values`)
    switch (typeof value) {
      case 'string':
        this.#text -= value.length
        if (this.#text < 0) throw new Error('it gives too much text')
        return value
      case 'boolean':
        return value
      case 'number':
        if (Number.isFinite(value)) return value === 0 ? 0 : value
        throw new Error(`it gives ${value}, which is no JSON`)
      case 'bigint':
        return whole(value)
      default:
        return value === null ? null : this.#object(value as object)
    }
  }

  #object(value: object): Json {
    const { isCelList, isCelMap, isCelUint } = this.#library
    if (isCelUint(value)) return whole(value.value)
    if (isCelList(value)) return Array.from(value, (item) => this.json(item))
    if (isCelMap(value)) {
      const made: Record<string, Json> = {}
      for (const [key, item] of value.entries()) {
        const name = typeof key === 'object' ? String(key.value) : String(key)
        if (name === '__proto__') throw new Error('it gives a map with the key __proto__')
        made[name] = this.json(item)
      }
      return made
    }
    throw new Error('it gives a value that is no JSON, such as bytes, a time or a type; convert it with string(x)')
  }
}

function whole(value: bigint): number {
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  throw new Error(`it gives ${value}, which is too large for a JSON number; convert it with string(x)`)
}
