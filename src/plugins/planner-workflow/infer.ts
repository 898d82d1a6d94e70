import type { Tree } from './tree.ts'
import { ANY, kindText, type ValueType } from './value-type.ts'
import type { ValuePath } from './value-path.ts'

/** Tells what a path leads to; says what is wrong with it where it leads nowhere. */
export type PathTypes = (path: ValuePath) => ValueType

const BOOL: ValueType = { kind: 'bool' }
const INT: ValueType = { kind: 'int' }
const NUMBER: ValueType = { kind: 'number' }
const STRING: ValueType = { kind: 'string' }
const LOGIC: ReadonlySet<string> = new Set(['_&&_', '_||_', '!_'])
const ORDER: ReadonlySet<string> = new Set(['_<_', '_<=_', '_>_', '_>=_'])
const ARITHMETIC: ReadonlySet<string> = new Set(['_+_', '_-_', '_*_', '_/_', '_%_'])
const EQUALITY: ReadonlySet<string> = new Set(['_==_', '_!=_', '@in'])
const RESULTS: Readonly<Record<string, ValueType>> = {
  size: INT,
  int: INT,
  double: NUMBER,
  string: STRING,
  bool: BOOL,
  contains: BOOL,
  startsWith: BOOL,
  endsWith: BOOL,
  matches: BOOL,
}

/**
 * What an expression gives, as far as the declared schemas tell. Operands that can never go together are reported.
 *
 * @param report gets what is wrong, in words.
 */
export function inferType(tree: Tree, paths: PathTypes, report: (problem: string) => void): ValueType {
  switch (tree.kind) {
    case 'path': {
      const type = paths(tree.path)
      return tree.isTest ? BOOL : type
    }
    case 'constant':
      return constantType(tree.type)
    case 'list':
    case 'map':
      for (const part of tree.args) inferType(part, paths, report)
      return { kind: tree.kind }
    case 'call':
      return callType(
        tree.name,
        tree.args.map((part) => inferType(part, paths, report)),
        report,
      )
    case 'comprehension': {
      const { kind } = inferType(tree.range, paths, report)
      if (kind !== 'any' && kind !== 'list' && kind !== 'map') report(`goes through ${kindText(kind)}, which is no list`)
      for (const part of tree.args) inferType(part, paths, report)
      return ANY
    }
    case 'member':
      for (const part of tree.args) inferType(part, paths, report)
      return ANY
    default:
      return ANY
  }
}

function constantType(type: (Tree & { readonly kind: 'constant' })['type']): ValueType {
  if (type === 'double') return NUMBER
  return type === 'other' ? ANY : { kind: type }
}

function callType(name: string, args: readonly ValueType[], report: (problem: string) => void): ValueType {
  const [left = ANY, right = ANY] = args
  if (LOGIC.has(name)) {
    const odd = args.find(({ kind }) => kind !== 'any' && kind !== 'bool')
    if (odd !== undefined) report(`"${sign(name)}" needs true or false on both sides, not ${kindText(odd.kind)}`)
    return BOOL
  }
  if (name === '_?_:_') {
    if (left.kind !== 'any' && left.kind !== 'bool') report(`"?" needs true or false before it, not ${kindText(left.kind)}`)
    const [, yes = ANY, no = ANY] = args
    return yes.kind === no.kind ? yes : ANY
  }
  if (ORDER.has(name)) {
    if (!goTogether(left, right) || isOrderless(left) || isOrderless(right)) report(mismatch(name, left, right))
    return BOOL
  }
  if (EQUALITY.has(name)) return BOOL
  if (ARITHMETIC.has(name)) return arithmeticType(name, left, right, report)
  if (name === '-_') return left
  return RESULTS[name] ?? ANY
}

function arithmeticType(name: string, left: ValueType, right: ValueType, report: (problem: string) => void): ValueType {
  const isJoining = name === '_+_'
  const fits = ({ kind }: ValueType): boolean =>
    kind === 'any' || kind === 'int' || kind === 'number' || (isJoining && (kind === 'string' || kind === 'list'))
  if (!fits(left) || !fits(right) || !goTogether(left, right)) report(mismatch(name, left, right))
  return left.kind === right.kind ? { kind: left.kind } : ANY
}

function isOrderless({ kind }: ValueType): boolean {
  return kind === 'list' || kind === 'map' || kind === 'null'
}

/** JSON numbers are `int` or `double` by their value, so the two are taken for the same here. */
function goTogether(left: ValueType, right: ValueType): boolean {
  const plain = ({ kind }: ValueType): string => (kind === 'int' ? 'number' : kind)
  return left.kind === 'any' || right.kind === 'any' || plain(left) === plain(right)
}

function mismatch(name: string, left: ValueType, right: ValueType): string {
  return `"${sign(name)}" cannot be used with ${kindText(left.kind)} and ${kindText(right.kind)}`
}

function sign(name: string): string {
  return name.replaceAll('_', '')
}
