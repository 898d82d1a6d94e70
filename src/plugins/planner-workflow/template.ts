import type { Json, JsonObject } from '../../core/index.ts'
import type { Expression } from './expression.ts'
import type { Path } from './problem.ts'
import type { Scope } from './value-path.ts'

/** A value of a document with its expressions ready to be filled in. */
export type Template = { readonly constant: Json } | { readonly fill: (scope: Scope) => Json; readonly only?: Expression }

/** Makes an expression of a text; `undefined` where it cannot be used, which has been reported then. */
export type MakeExpression = (text: string, path: Path) => Expression | undefined

/** A text that begins an expression and does not end it. */
export class UnclosedError extends Error {}

/** Makes a template of a value. Every expression is parsed here, once, and what it gives is never parsed again. */
export function compileTemplate(value: Json, path: Path, make: MakeExpression): Template {
  if (typeof value === 'string') return compileText(value, path, make)
  if (typeof value !== 'object' || value === null) return { constant: value }
  if (Array.isArray(value)) {
    const items = value.map((item, index) => compileTemplate(item as Json, [...path, index], make))
    if (items.every((item) => 'constant' in item)) return { constant: value }
    return { fill: (scope) => items.map((item) => fillTemplate(item, scope)) }
  }
  const members = Object.entries(value as JsonObject).map(
    ([key, member]) => [key, compileTemplate(member, [...path, key], make)] as const,
  )
  if (members.every(([, member]) => 'constant' in member)) return { constant: value }
  return {
    fill(scope) {
      const made: Record<string, Json> = {}
      for (const [key, member] of members) made[key] = fillTemplate(member, scope)
      return made
    },
  }
}

/** Fills a template in. @throws Error for an expression that fails */
export function fillTemplate(template: Template, scope: Scope): Json {
  return 'constant' in template ? template.constant : template.fill(scope)
}

function compileText(text: string, path: Path, make: MakeExpression): Template {
  if (!text.includes('${{')) return { constant: text }
  const parts: (string | Expression)[] = []
  for (const part of splitText(text)) {
    if (typeof part === 'string') parts.push(part)
    else {
      const expression = make(part.expression, path)
      if (expression !== undefined) parts.push(expression)
    }
  }
  const [only] = parts
  // One expression alone keeps the type of what it gives.
  if (parts.length === 1 && typeof only === 'object') return { fill: (scope) => only.evaluate(scope), only }
  if (parts.every((part) => typeof part === 'string')) return { constant: parts.join('') }
  return { fill: (scope) => parts.map((part) => (typeof part === 'string' ? part : asText(part.evaluate(scope)))).join('') }
}

function asText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/**
 * Cuts a text into plain parts and expressions. `$${{` stands for `${{` itself.
 *
 * @throws UnclosedError
 */
export function splitText(text: string): readonly (string | { readonly expression: string })[] {
  const parts: (string | { readonly expression: string })[] = []
  let plain = ''
  let from = 0
  for (let start = text.indexOf('${{'); start >= 0; start = text.indexOf('${{', from)) {
    if (text[start - 1] === '$' && start > from) {
      plain += `${text.slice(from, start - 1)}\${{`
      from = start + 3
      continue
    }
    const end = endOfExpression(text, start + 3)
    if (end < 0) throw new UnclosedError(`"\${{" at character ${start + 1} has no "}}"`)
    plain += text.slice(from, start)
    if (plain !== '') parts.push(plain)
    plain = ''
    parts.push({ expression: text.slice(start + 3, end) })
    from = end + 2
  }
  plain += text.slice(from)
  if (plain !== '') parts.push(plain)
  return parts
}

/** The index of the `}}` that ends an expression: braces of maps and texts in quotes are passed over. */
function endOfExpression(text: string, start: number): number {
  let depth = 0
  let quoted: string | undefined
  for (let index = start; index < text.length; index += 1) {
    const sign = text[index]
    if (quoted !== undefined) {
      if (sign === '\\') index += 1
      else if (sign === quoted) quoted = undefined
    } else if (sign === '"' || sign === "'") quoted = sign
    else if (sign === '{') depth += 1
    else if (sign === '}') {
      if (depth > 0) depth -= 1
      else if (text[index + 1] === '}') return index
    }
  }
  return -1
}
