import type { Json } from '../../core/index.ts'
import type { Cel } from './cel.ts'
import { inferType } from './infer.ts'
import { WORKFLOW_LIMITS } from './limits.ts'
import type { ProblemRule } from './problem.ts'
import { comprehensionDepth, LimitError, type Tree, treeOf, walk } from './tree.ts'
import { followPath, pathText, type Scope, scanPath, type ValuePath } from './value-path.ts'
import { ANY, type ValueType } from './value-type.ts'

/** An expression, parsed, checked and ready to run. */
export interface Expression {
  readonly text: string
  /** What it reads. */
  readonly paths: readonly ValuePath[]
  /** What it gives, as far as schemas tell. */
  readonly type: ValueType
  /** @throws Error in words for people */
  evaluate(scope: Scope): Json
}

/** What an expression is checked against. */
export interface ExpressionContext {
  /** What stands at a path, or what is wrong with it. */
  resolve(path: ValuePath): ValueType | { readonly rule: ProblemRule; readonly problem: string }
}

/** Takes what is wrong with an expression. */
export type Complain = (rule: ProblemRule, message: string) => void

/** Makes expressions. Without the library it takes paths alone, and notes that more was wanted. */
export class ExpressionCompiler {
  readonly #cel: Cel | undefined
  /** An expression was met that needs the library, and it was not there. */
  isCelNeeded = false

  constructor(cel: Cel | undefined) {
    this.#cel = cel
  }

  /** Checks an expression and makes it ready; `undefined` where it cannot be used. */
  compile(text: string, context: ExpressionContext, complain: Complain): Expression | undefined {
    const { expression: limit } = WORKFLOW_LIMITS
    if (text.length > limit) {
      complain('expression-limit', `the expression has ${text.length} characters; the limit is ${limit}`)
      return undefined
    }
    const path = scanPath(text)
    if (path !== undefined) return pathExpression(text, path, context, complain)
    if (bracketDepth(text) > WORKFLOW_LIMITS.expressionDepth) {
      complain('expression-limit', `the expression ${quote(text)} is nested deeper than ${WORKFLOW_LIMITS.expressionDepth}`)
      return undefined
    }
    if (this.#cel !== undefined) return compileCel(this.#cel, text, context, complain)
    this.isCelNeeded = true
    return undefined
  }
}

function pathExpression(text: string, path: ValuePath, context: ExpressionContext, complain: Complain): Expression | undefined {
  const type = checkPath(path, context, complain)
  if (type === undefined) return undefined
  const { length } = path.steps
  return {
    text,
    paths: [path],
    type,
    evaluate(scope) {
      const { value, steps } = followPath(scope, path)
      if (value !== undefined && steps === length) return value
      const missing = path.steps[Math.max(steps, 0)]
      const at = pathText({ root: path.root, steps: path.steps.slice(0, Math.max(steps, 0)) })
      throw new Error(steps < 0 ? `${path.root} is not there` : `${at} has no member ${JSON.stringify(missing)}`)
    },
  }
}

function checkPath(path: ValuePath, context: ExpressionContext, complain: Complain): ValueType | undefined {
  const found = context.resolve(path)
  if (!('problem' in found)) return found
  complain(found.rule, found.problem)
  return undefined
}

function compileCel(cel: Cel, text: string, context: ExpressionContext, complain: Complain): Expression | undefined {
  let parsed: ReturnType<Cel['parse']>
  let tree: Tree
  try {
    parsed = cel.parse(text)
    tree = treeOf(parsed)
  } catch (error) {
    if (error instanceof LimitError) complain('expression-limit', `the expression ${quote(text)} ${error.message}`)
    else complain('expression-syntax', `the expression ${quote(text)} cannot be read: ${parseError(error)}`)
    return undefined
  }
  let isGood = true
  const refuse: Complain = (rule, message) => {
    isGood = false
    complain(rule, message)
  }
  const paths = pathsOf(tree)
  const depth = comprehensionDepth(tree)
  checkLimits(tree, depth, text, refuse)
  checkCalls(cel, tree, text, refuse)
  const known = new Map(paths.map((path) => [pathText(path), checkPath(path, context, refuse) ?? ANY]))
  const type = inferType(
    tree,
    (path) => known.get(pathText(path)) ?? ANY,
    (problem) => refuse('expression-type', `in the expression ${quote(text)}, ${problem}`),
  )
  if (!isGood) return undefined
  const { nestedItems, comprehensionItems } = WORKFLOW_LIMITS
  const itemLimit = depth > 1 ? nestedItems : depth === 1 ? comprehensionItems : Infinity
  return { text, paths, type, evaluate: cel.plan(parsed, paths, itemLimit) }
}

function parseError(error: unknown): string {
  const { message, location } = error as { message?: unknown; location?: { start?: { offset?: number } } }
  const words =
    String(message)
      .replace(/^<input>:\d+:\d+:? ?/, '')
      .split('\n')[0] ?? ''
  const offset = location?.start?.offset
  return offset === undefined ? words : `${words} (at character ${offset + 1})`
}

function pathsOf(tree: Tree): readonly ValuePath[] {
  const paths = new Map<string, ValuePath>()
  for (const part of walk(tree)) if (part.kind === 'path') paths.set(pathText(part.path), part.path)
  return [...paths.values()]
}

function checkLimits(tree: Tree, depth: number, text: string, refuse: Complain): void {
  const { comprehensionDepth: maxDepth, comprehensions, patterns, patternLength } = WORKFLOW_LIMITS
  const say = (what: string): void => refuse('expression-limit', `the expression ${quote(text)} ${what}`)
  if (depth > maxDepth)
    say(`has comprehensions ${depth} deep, inside one another or over one another's results; the limit is ${maxDepth}`)
  let count = 0
  let matches = 0
  for (const part of walk(tree)) {
    if (part.kind === 'comprehension') count += 1
    if (part.kind !== 'call' || part.name !== 'matches') continue
    matches += 1
    const pattern = part.args.at(-1)
    if (pattern?.kind !== 'constant' || pattern.text === undefined) say('matches a pattern that is computed; write it out')
    else if (pattern.text.length > patternLength)
      say(`has a pattern of ${pattern.text.length} characters; the limit is ${patternLength}`)
  }
  if (count > comprehensions) say(`has ${count} comprehensions; the limit is ${comprehensions}`)
  if (matches > patterns) say(`has ${matches} patterns; the limit is ${patterns}`)
}

function checkCalls(cel: Cel, tree: Tree, text: string, refuse: Complain): void {
  for (const part of walk(tree)) {
    if (part.kind === 'call' && !cel.knows(part.name))
      refuse('expression-name', `the expression ${quote(text)} calls "${part.name}", which is no function of CEL`)
    if (part.kind === 'message')
      refuse('expression-name', `the expression ${quote(text)} makes a "${part.name}"; there are maps alone`)
  }
}

/** How deep brackets are nested, texts left out: known before the parser, which recurses, sees them. */
function bracketDepth(text: string): number {
  let depth = 0
  let deepest = 0
  let quoted: string | undefined
  for (let index = 0; index < text.length; index += 1) {
    const sign = text[index] as string
    if (quoted !== undefined) {
      if (sign === '\\') index += 1
      else if (sign === quoted) quoted = undefined
    } else if (sign === '"' || sign === "'") quoted = sign
    else if ('([{'.includes(sign)) deepest = Math.max(deepest, (depth += 1))
    else if (')]}'.includes(sign)) depth -= 1
  }
  return deepest
}

function quote(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return JSON.stringify(line.length > 60 ? `${line.slice(0, 57)}…` : line)
}
