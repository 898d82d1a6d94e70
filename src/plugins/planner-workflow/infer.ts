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
  const all = (parts: readonly Tree[]): ValueType[] => parts.map((part) => inferType(part, paths, report))
  switch (tree.kind) {
    case 'path': {
      const type = paths(tree.path)
      return tree.isTest ? BOOL : type
    }
    case 'constant':
      return constantType(tree.type)
    case 'call':
      return callType(tree.name, all(tree.args), report)
    case 'comprehension': {
      const { kind } = inferType(tree.range, paths, report)
      if (!['any', 'list', 'map'].includes(kind)) report(`goes through ${kindText(kind)}, which is no list`)
      all(tree.args)
      return ANY
    }
    case 'message':
      return ANY
    default:
      all(tree.args)
      return tree.kind === 'member' ? ANY : { kind: tree.kind }
  }
}

function constantType(type: (Tree & { readonly kind: 'constant' })['type']): ValueType {
  if (type === 'double') return NUMBER
  return type === 'other' ? ANY : { kind: type }
}

function callType(name: string, args: readonly ValueType[], report: (problem: string) => void): ValueType {
  const [left = ANY, right = ANY] = args
  if (LOGIC.has(name)) return logicType(name, args, report)
  if (name === '_?_:_') return choiceType(args, report)
  if (ORDER.has(name) && !areOrdered(left, right)) report(mismatch(name, left, right))
  if (ORDER.has(name) || EQUALITY.has(name)) return BOOL
  return ARITHMETIC.has(name) ? arithmeticType(name, left, right, report) : (RESULTS[name] ?? ANY)
}

function logicType(name: string, args: readonly ValueType[], report: (problem: string) => void): ValueType {
  const odd = args.find((type) => !isTruth(type))
  if (odd !== undefined) report(`"${sign(name)}" needs true or false on both sides, not ${kindText(odd.kind)}`)
  return BOOL
}

function choiceType([condition = ANY, yes = ANY, no = ANY]: readonly ValueType[], report: (problem: string) => void): ValueType {
  if (!isTruth(condition)) report(`"?" needs true or false before it, not ${kindText(condition.kind)}`)
  return yes.kind === no.kind ? yes : ANY
}

function isTruth({ kind }: ValueType): boolean {
  return kind === 'any' || kind === 'bool'
}

function arithmeticType(name: string, left: ValueType, right: ValueType, report: (problem: string) => void): ValueType {
  const isJoining = name === '_+_'
  const fits = ({ kind }: ValueType): boolean =>
    kind === 'any' || kind === 'int' || kind === 'number' || (isJoining && (kind === 'string' || kind === 'list'))
  if (!fits(left) || !fits(right) || !goTogether(left, right)) report(mismatch(name, left, right))
  return left.kind === right.kind ? { kind: left.kind } : ANY
}

function areOrdered(left: ValueType, right: ValueType): boolean {
  return goTogether(left, right) && !isOrderless(left) && !isOrderless(right)
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
