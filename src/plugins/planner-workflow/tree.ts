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
    case 'structExpr': {
      const { messageName, entries } = kind.value
      if (messageName !== '') return { kind: 'message', name: messageName }
      const parts = entries.flatMap(({ keyKind, value }) => [keyKind.case === 'mapKey' ? keyKind.value : undefined, value])
      return { kind: 'map', args: parts.filter((part) => part !== undefined).map(down) }
    }
    case 'comprehensionExpr': {
      const { iterVar, iterVar2, accuVar, iterRange, accuInit, loopCondition, loopStep, result } = kind.value
      const inner = new Set([...locals, iterVar, iterVar2, accuVar])
      const args = [loopCondition, loopStep, result].filter((part) => part !== undefined)
      return {
        kind: 'comprehension',
        range: iterRange === undefined ? { kind: 'list', args: [] } : down(iterRange),
        args: [...(accuInit === undefined ? [] : [down(accuInit)]), ...args.map((part) => convert(part, inner, depth + 1))],
      }
    }
    default:
      return { kind: 'constant', type: 'other' }
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
  if (kind.case === 'callExpr') {
    const [operand, index] = kind.value.args
    if (operand !== undefined && index !== undefined) {
      const from = down(operand)
      const step = index.exprKind.case === 'constExpr' ? index.exprKind.value.constantKind : undefined
      if (step?.case === 'stringValue') return extend(from, step.value, false)
      if (step?.case === 'int64Value' && step.value >= 0n && step.value < 1_000_000n)
        return extend(from, Number(step.value), false)
      return { kind: 'member', args: [from, down(index)] }
    }
  }
  return { kind: 'member', args: [] }
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
