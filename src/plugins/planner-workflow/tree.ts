import type { CelExpr } from './cel.ts'
import { WORKFLOW_LIMITS } from './limits.ts'
import type { ValuePath } from './value-path.ts'

/** An expression's meaning, as far as checks need it. */
export type Tree =
  /** A variable with constant steps; `isTest` inside `has`. */
  | { readonly kind: 'path'; readonly path: ValuePath; readonly isTest: boolean }
  | { readonly kind: 'constant'; readonly type: 'bool' | 'int' | 'double' | 'string' | 'null' | 'other'; readonly text?: string }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Tree[] }
  | { readonly kind: 'list' | 'map'; readonly args: readonly Tree[] }
  /** A member of something that is computed, or of a variable of the expression itself. */
  | { readonly kind: 'member'; readonly args: readonly Tree[] }
  | { readonly kind: 'comprehension'; readonly range: Tree; readonly args: readonly Tree[] }
  /** A message of a type, which documents have not. */
  | { readonly kind: 'message'; readonly name: string }

/** An expression is past a limit. */
export class LimitError extends Error {}

/** Simplifies what the library parsed. @throws LimitError for one that is nested too deep */
export function treeOf(expr: CelExpr): Tree {
  return convert(expr, new Set(), 0)
}

function convert(expr: CelExpr, locals: ReadonlySet<string>, depth: number): Tree {
  const { expressionDepth } = WORKFLOW_LIMITS
  if (depth > expressionDepth) throw new LimitError(`is nested deeper than ${expressionDepth}`)
  const down = (inner: CelExpr): Tree => convert(inner, locals, depth + 1)
  const { exprKind: kind } = expr
  switch (kind.case) {
    case 'constExpr':
      return constant(kind.value.constantKind)
    case 'identExpr':
    case 'selectExpr':
      return access(expr, locals, down)
    case 'callExpr': {
      const { function: name, target, args } = kind.value
      if (name === '_[_]') return access(expr, locals, down)
      return { kind: 'call', name, args: (target === undefined ? args : [target, ...args]).map(down) }
    }
    case 'listExpr':
      return { kind: 'list', args: kind.value.elements.map(down) }
    case 'structExpr':
      return struct(kind.value, down)
    case 'comprehensionExpr':
      return comprehension(kind.value, locals, depth)
    default:
      return { kind: 'constant', type: 'other' }
  }
}

type Kind<C extends string> = (CelExpr['exprKind'] & { readonly case: C })['value']

function struct({ messageName, entries }: Kind<'structExpr'>, down: (inner: CelExpr) => Tree): Tree {
  if (messageName !== '') return { kind: 'message', name: messageName }
  const parts = entries.flatMap(({ keyKind, value }) => [keyKind.case === 'mapKey' ? keyKind.value : undefined, value])
  return { kind: 'map', args: parts.filter((part) => part !== undefined).map(down) }
}

function comprehension(given: Kind<'comprehensionExpr'>, locals: ReadonlySet<string>, depth: number): Tree {
  const { iterVar, iterVar2, accuVar, iterRange, accuInit, loopCondition, loopStep, result } = given
  const inner = new Set([...locals, iterVar, iterVar2, accuVar])
  const inside = [loopCondition, loopStep, result].filter((part) => part !== undefined)
  return {
    kind: 'comprehension',
    range: iterRange === undefined ? { kind: 'list', args: [] } : convert(iterRange, locals, depth + 1),
    args: [
      ...(accuInit === undefined ? [] : [convert(accuInit, locals, depth + 1)]),
      ...inside.map((part) => convert(part, inner, depth + 1)),
    ],
  }
}

function constant({ case: what, value }: { readonly case: string | undefined; readonly value?: unknown }): Tree {
  switch (what) {
    case 'boolValue':
      return { kind: 'constant', type: 'bool' }
    case 'int64Value':
      return { kind: 'constant', type: 'int' }
    case 'doubleValue':
      return { kind: 'constant', type: 'double' }
    case 'stringValue':
      return { kind: 'constant', type: 'string', text: String(value) }
    case 'nullValue':
      return { kind: 'constant', type: 'null' }
    default:
      return { kind: 'constant', type: 'other' }
  }
}

/** A name, or something selected from an expression: a path where it begins with a name of the scope and its steps are constant. */
function access(expr: CelExpr, locals: ReadonlySet<string>, down: (inner: CelExpr) => Tree): Tree {
  const { exprKind: kind } = expr
  if (kind.case === 'identExpr') {
    const { name } = kind.value
    return locals.has(name) ? { kind: 'member', args: [] } : { kind: 'path', path: { root: name, steps: [] }, isTest: false }
  }
  if (kind.case === 'selectExpr' && kind.value.operand !== undefined) {
    const { operand, field, testOnly } = kind.value
    return extend(down(operand), field, testOnly)
  }
  if (kind.case !== 'callExpr') return { kind: 'member', args: [] }
  const [operand, index] = kind.value.args
  if (operand === undefined || index === undefined) return { kind: 'member', args: [] }
  const step = constantStep(index)
  return step === undefined ? { kind: 'member', args: [down(operand), down(index)] } : extend(down(operand), step, false)
}

/** An index that is written out. */
function constantStep({ exprKind: kind }: CelExpr): string | number | undefined {
  const given = kind.case === 'constExpr' ? kind.value.constantKind : undefined
  if (given?.case === 'stringValue') return given.value
  return given?.case === 'int64Value' && given.value >= 0n && given.value < 1_000_000n ? Number(given.value) : undefined
}

function extend(from: Tree, step: string | number, isTest: boolean): Tree {
  if (from.kind !== 'path' || from.isTest) return { kind: 'member', args: [from] }
  return { kind: 'path', path: { root: from.path.root, steps: [...from.path.steps, step] }, isTest }
}

/** The parts of a tree. */
export function partsOf(tree: Tree): readonly Tree[] {
  if (tree.kind === 'comprehension') return [tree.range, ...tree.args]
  return 'args' in tree ? tree.args : []
}

/** How comprehensions are nested, one over the other's result included. */
export function comprehensionDepth(tree: Tree): number {
  const below = Math.max(0, ...partsOf(tree).map(comprehensionDepth))
  return tree.kind === 'comprehension' ? below + 1 : below
}

/** All parts of a tree, itself first. */
export function* walk(tree: Tree): Generator<Tree, void> {
  yield tree
  for (const part of partsOf(tree)) yield* walk(part)
}
