import type * as Yaml from 'yaml'
import type { CST, Document, LineCounter, Node, Pair } from 'yaml'
import { type Json, OpspawnError, toJson } from '../../core/index.ts'
import { WORKFLOW_LIMITS } from './limits.ts'
import { type Path, type Place, type Places, type ProblemRule, Report, type WorkflowProblem } from './problem.ts'

/** A document as data, with the places of its values. */
export interface Source {
  readonly data: Json
  readonly places: Places
  /** What is wrong with it as data; where any of it is fatal there is no `data` to go on with. */
  readonly problems: readonly WorkflowProblem[]
  readonly isFatal: boolean
}

const FORBIDDEN: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** Reads a text in YAML 1.2 (JSON is a part of it), or takes plain data. */
export async function readSource(source: unknown): Promise<Source> {
  return typeof source === 'string' ? readText(source) : readData(source)
}

function fatal(report: Report): Source {
  return { data: null, places: () => undefined, problems: report.list(), isFatal: true }
}

function readData(source: unknown): Source {
  const report = new Report(() => undefined)
  try {
    const data = toJson(source, { maxSize: WORKFLOW_LIMITS.source, maxDepth: WORKFLOW_LIMITS.depth })
    checkKeys(data, report)
    return { data, places: () => undefined, problems: report.list(), isFatal: false }
  } catch (error) {
    if (!OpspawnError.is(error)) throw error
    report.add(error.code === 'PAYLOAD_TOO_LARGE' ? 'limit' : 'syntax', [], `the document cannot be read: ${error.message}`)
    return fatal(report)
  }
}

/** Finds names that objects give a meaning of their own. One pass, without recursion. */
function checkKeys(data: Json, report: Report): void {
  const waiting: { value: Json; path: Path }[] = [{ value: data, path: [] }]
  for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) {
    const { value, path } = item
    if (typeof value !== 'object' || value === null) continue
    for (const [key, member] of Object.entries(value)) {
      const at = [...path, key]
      if (FORBIDDEN.has(key)) report.add('forbidden', at, forbiddenText(key), 'key')
      waiting.push({ value: member as Json, path: at })
    }
  }
}

function forbiddenText(key: string): string {
  return `the key ${JSON.stringify(key)} may not be used anywhere in a document; choose another name`
}

/** Signs that YAML does not take. The reader marks places with some of them, and would be led astray. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/

function codeOf(sign: string): string {
  return `U+${sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`
}

async function readText(text: string): Promise<Source> {
  const fatalReport = new Report(() => undefined)
  const { source: limit } = WORKFLOW_LIMITS
  if (text.length > limit) {
    fatalReport.add('limit', [], `the document has ${text.length} characters; the limit is ${limit}. Split it into workflows`)
    return fatal(fatalReport)
  }
  const sign = CONTROL.exec(text)
  if (sign !== null) {
    const before = text.slice(0, sign.index).split('\n')
    const place = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
    fatalReport.add('syntax', [], `the text is no YAML: it holds the sign ${codeOf(sign[0])}; write it as an escape`, place)
    return fatal(fatalReport)
  }
  const yaml = await import('yaml')
  const lines = new yaml.LineCounter()
  const report = new Report((path) => (path.length === 0 ? { line: 1, column: 1 } : undefined))
  const tokens = readTokens(yaml, text, lines, report)
  if (tokens === undefined) return fatal(report)
  const options = { uniqueKeys: false, schema: 'core', version: '1.2', stringKeys: true, lineCounter: lines } as const
  const documents = [...new yaml.Composer(options).compose(tokens, true, text.length)]
  const document = documents[0] as Document.Parsed
  for (const error of [...document.errors, ...document.warnings]) {
    report.add('syntax', [], sentence(error.message), placeOf(lines, error.pos[0]))
  }
  if (documents.length > 1) {
    const start = documents[1]?.range?.[0]
    report.add('syntax', [], 'there is more than one document in the text; give one', placeOf(lines, start ?? 0))
  }
  if (!report.isEmpty) return fatal(report)
  return new Reader(yaml, lines).read(document.contents)
}

function sentence(message: string): string {
  return `the text is no YAML: ${message.split('\n')[0] ?? ''}`
}

function placeOf(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset)
  return { line, column: col }
}

/**
 * Cuts the text into tokens and stops at what is not taken, before anything is built of it: too deep, too many parts,
 * anchors, aliases and tags.
 */
function readTokens(yaml: typeof Yaml, text: string, lines: LineCounter, report: Report): CST.Token[] | undefined {
  const parser = new yaml.Parser()
  const tokens: CST.Token[] = []
  let count = 0
  let inFlow = 0
  let isScalar = false
  // Not by the parser: it misses some in a text that is no YAML.
  lines.addNewLine(0)
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines.addNewLine(at + 1)
  for (const lexeme of new yaml.Lexer().lex(text)) {
    const at = { offset: parser.offset }
    count += 1
    if (lexeme === '[' || lexeme === '{') inFlow += 1
    else if (lexeme === ']' || lexeme === '}') inFlow -= 1
    for (const token of parser.next(lexeme)) tokens.push(token)
    const type: string | null = isScalar ? 'scalar' : yaml.CST.tokenType(lexeme)
    isScalar = type === 'scalar' && lexeme === SCALAR_COMES
    const refusal = refuse(lexeme, type, count, Math.max(inFlow, parser.stack.length - 1))
    if (refusal !== undefined) {
      report.add(...refusal, placeOf(lines, at.offset))
      return undefined
    }
  }
  for (const token of parser.end()) tokens.push(token)
  return tokens
}

/** The sign that the library puts before the text of a plain or quoted value. */
const SCALAR_COMES = '\u001F'

const tooDeepText = `the document is nested too deep; the limit is ${WORKFLOW_LIMITS.depth} levels`

function refuse(
  lexeme: string,
  type: string | null,
  count: number,
  depth: number,
): [rule: ProblemRule, path: Path, message: string] | undefined {
  const { tokens, depth: maxDepth } = WORKFLOW_LIMITS
  if (count > tokens) return ['limit', [], `the document has more than ${tokens} parts; split it into workflows`]
  if (depth > maxDepth * 2) return ['limit', [], tooDeepText]
  if (type === 'anchor' || type === 'alias') {
    return ['syntax', [], `${JSON.stringify(lexeme.slice(0, 40))}: anchors and aliases are not taken; write the value out`]
  }
  if (type === 'tag')
    return ['syntax', [], `${JSON.stringify(lexeme.slice(0, 40))}: tags are not taken; write the value without one`]
  return undefined
}

/** Where a value and the key in front of it begin, and the same for what is in it. */
interface Mark {
  readonly at: number
  readonly key: number | undefined
  readonly members: Map<string | number, Mark> | undefined
}

/** Makes data of a parsed text, and remembers where each value stood. */
class Reader {
  readonly #yaml: typeof Yaml
  readonly #lines: LineCounter
  readonly #report: Report
  #root: Mark | undefined
  #values = 0
  /** Where it is nested too deep. */
  #deepAt: number | undefined

  constructor(yaml: typeof Yaml, lines: LineCounter) {
    this.#yaml = yaml
    this.#lines = lines
    this.#report = new Report(() => undefined)
  }

  read(contents: Node | null): Source {
    const { data, mark } = this.#value(contents, [], undefined)
    this.#root = mark
    if (this.#values > WORKFLOW_LIMITS.values) {
      const text = `the document has ${this.#values} values; the limit is ${WORKFLOW_LIMITS.values}. Split it into workflows`
      this.#report.add('limit', [], text, { line: 1, column: 1 })
      return fatal(this.#report)
    }
    if (this.#deepAt !== undefined) {
      this.#report.add('limit', [], tooDeepText, placeOf(this.#lines, this.#deepAt))
      return fatal(this.#report)
    }
    const places: Places = (path, what) => this.#place(path, what)
    return { data, places, problems: this.#report.list(), isFatal: false }
  }

  #place(path: Path, what: 'key' | undefined): Place | undefined {
    let mark = this.#root
    for (const step of path) mark = mark?.members?.get(step)
    if (mark === undefined) return undefined
    return placeOf(this.#lines, what === 'key' ? (mark.key ?? mark.at) : mark.at)
  }

  // Recursion is bounded: the tokens were counted, and their depth was checked.
  #value(node: Node | null, path: Path, key: number | undefined): { readonly data: Json; readonly mark: Mark } {
    this.#values += 1
    const { isMap, isSeq, isScalar } = this.#yaml
    if (path.length >= WORKFLOW_LIMITS.depth && (isMap(node) || isSeq(node))) return this.#tooDeep(node, key)
    const at = node?.range?.[0] ?? key ?? 0
    if (isMap(node)) return this.#map(node.items as Pair<Node, Node | null>[], path, at, key)
    if (isSeq(node)) {
      const members = new Map<string | number, Mark>()
      const data = (node.items as (Node | null)[]).map((item, index) => {
        const made = this.#value(item, [...path, index], undefined)
        members.set(index, made.mark)
        return made.data
      })
      return { data, mark: { at, key, members } }
    }
    return this.#scalar(isScalar(node) ? node.value : null, path, { at, key, members: undefined })
  }

  #scalar(value: unknown, path: Path, mark: Mark): { readonly data: Json; readonly mark: Mark } {
    if (typeof value === 'number' && !Number.isFinite(value)) {
      this.#report.add('type', path, `${value} is no number that JSON has`, placeOf(this.#lines, mark.at))
      return { data: null, mark }
    }
    return { data: value as Json, mark }
  }

  #tooDeep(node: Node | null, key: number | undefined): { readonly data: Json; readonly mark: Mark } {
    const at = node?.range?.[0] ?? key ?? 0
    this.#deepAt ??= at
    return { data: null, mark: { at, key, members: undefined } }
  }

  #map(
    items: readonly Pair<Node, Node | null>[],
    path: Path,
    at: number,
    ownKey: number | undefined,
  ): { readonly data: Json; readonly mark: Mark } {
    const members = new Map<string | number, Mark>()
    const data: Record<string, Json> = {}
    for (const { key: keyNode, value } of items) {
      const key = String(this.#yaml.isScalar(keyNode) ? keyNode.value : '')
      const place = keyNode.range?.[0] ?? at
      const first = members.get(key)
      if (first !== undefined) {
        const { line, column } = placeOf(this.#lines, first.key ?? first.at)
        const text = `the key ${JSON.stringify(key)} is there twice; the first stands at ${line}:${column}`
        this.#report.add('duplicate-key', [...path, key], text, placeOf(this.#lines, place))
        continue
      }
      const made = this.#value(value, [...path, key], place)
      members.set(key, made.mark)
      if (FORBIDDEN.has(key)) {
        this.#report.add('forbidden', [...path, key], forbiddenText(key), placeOf(this.#lines, place))
        continue
      }
      data[key] = made.data
    }
    return { data, mark: { at, key: ownKey, members } }
  }
}
