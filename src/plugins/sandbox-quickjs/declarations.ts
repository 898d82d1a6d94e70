import type { JsonObject, Schema, StandardSchema, Tool } from '../../core/index.ts'

/** Characters of one tool's types; what is longer is left open. */
const LONGEST = 2000
/** Nesting that is told, and schemas within one that are looked at: one that refers to itself has no end. */
const DEEPEST = 6
const MOST_SCHEMAS = 300

/**
 * Writes tools as a TypeScript declaration of `tools`, for models that write code: one function for each, in the order of the
 * names, with types made of the JSON Schemas. A tool that is known by name alone takes and gives anything.
 */
export function toolDeclarations(tools: readonly (Pick<Tool, 'name' | 'description' | 'input' | 'output'> | string)[]): string {
  const all = tools.map((tool) => (typeof tool === 'string' ? { name: tool } : tool))
  const sorted = all.toSorted((left, right) => (left.name < right.name ? -1 : 1))
  return `declare const tools: {\n${sorted.map(declare).join('')}}`
}

function declare({ name, description, input, output }: Partial<Tool> & { readonly name: string }): string {
  const alias = name.replaceAll('.', '_')
  const told = description === undefined ? '' : `  /** ${oneLine(description)} */\n`
  const taken = input === undefined ? 'Record<string, any>' : typeText(documentOf(input, 'input'))
  const given = output === undefined ? 'any' : typeText(documentOf(output, 'output'))
  return `${told}  ${propertyName(alias)}(input: ${taken}): Promise<${given}>\n`
}

/** The JSON Schema document of a schema in any form; what cannot be converted says nothing here, and is refused at registration. */
function documentOf(schema: Schema, side: 'input' | 'output'): unknown {
  const standard = (schema as StandardSchema)['~standard']
  try {
    if (standard !== undefined) return standard.jsonSchema?.[side]({ target: 'draft-07' })
  } catch {
    return undefined
  }
  return (schema as { readonly validator?: unknown }).validator === undefined
    ? schema
    : (schema as { readonly jsonSchema?: unknown }).jsonSchema
}

function typeText(document: unknown): string {
  const text = typeOf(document, { root: document, left: MOST_SCHEMAS }, 0)
  return text.length > LONGEST ? 'any' : text
}

/** A document that is being written; `left` are the schemas that may still be looked at. */
type Writing = { readonly root: unknown; left: number }
type Below = (one: unknown) => string

function typeOf(schema: unknown, writing: Writing, depth: number): string {
  writing.left -= 1
  if (typeof schema !== 'object' || schema === null || depth > DEEPEST || writing.left < 0)
    return schema === false ? 'never' : 'any'
  const below: Below = (one) => typeOf(one, writing, depth + 1)
  const { $ref, type } = schema as JsonObject
  if (typeof $ref === 'string') return below(resolve($ref, writing.root))
  const made = combined(schema as JsonObject, below)
  if (made !== undefined) return made
  if (type === 'array') return arrayType(schema as JsonObject, below)
  if (type === 'object' || 'properties' in schema) return objectType(schema as JsonObject, below)
  return SIMPLE.get(type) ?? 'any'
}

/** The type of a schema that lists values or other schemas. */
function combined(schema: JsonObject, below: Below): string | undefined {
  const { enum: values, type, anyOf, oneOf = anyOf, allOf } = schema
  if ('const' in schema) return literal(schema['const'])
  if (Array.isArray(values)) return union(values.map(literal))
  if (Array.isArray(oneOf)) return union(oneOf.map(below))
  if (Array.isArray(allOf)) return allOf.map((one) => `(${below(one)})`).join(' & ')
  return Array.isArray(type) ? union(type.map((one) => below({ ...schema, type: one as string }))) : undefined
}

const SIMPLE: ReadonlyMap<unknown, string> = new Map([
  ...['string', 'number', 'boolean', 'null'].map((name) => [name, name] as const),
  ['integer', 'number'],
])

function arrayType({ items }: JsonObject, below: Below): string {
  const one = items === undefined ? 'any' : below(items)
  return /^[\w.]+$/.test(one) ? `${one}[]` : `Array<${one}>`
}

function objectType({ properties, required, additionalProperties }: JsonObject, below: Below): string {
  const names = Object.entries((properties ?? {}) as JsonObject)
  if (names.length === 0) return additionalProperties === false ? '{}' : 'Record<string, any>'
  const needed = new Set(Array.isArray(required) ? required : [])
  const members = names.map(([name, schema]) => {
    const told = (schema as JsonObject | null)?.['description']
    const note = typeof told === 'string' ? `/** ${oneLine(told)} */ ` : ''
    return `${note}${propertyName(name)}${needed.has(name) ? '' : '?'}: ${below(schema)}`
  })
  return `{ ${members.join('; ')} }`
}

function resolve(reference: string, root: unknown): unknown {
  if (!reference.startsWith('#/')) return undefined
  const keys = reference.slice(2).split('/')
  return keys.reduce<unknown>(
    (at, key) => (at as JsonObject | undefined)?.[key.replaceAll('~1', '/').replaceAll('~0', '~')],
    root,
  )
}

function union(texts: readonly string[]): string {
  return texts.length === 0 ? 'never' : [...new Set(texts)].join(' | ')
}

function literal(value: unknown): string {
  return typeof value === 'object' && value !== null ? 'any' : (JSON.stringify(value) ?? 'any')
}

function propertyName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)
}

/** One line that cannot end the comment it stands in. */
function oneLine(text: string): string {
  const line = text.replaceAll('*/', '* /').replaceAll(/\s+/g, ' ').trim()
  return line.length > 300 ? `${line.slice(0, 297)}...` : line
}
