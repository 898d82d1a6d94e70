import type { Json, JsonObject } from '../../core/index.ts'
import type { Path, Report } from './problem.ts'
import { nearest } from './structure.ts'
import { splitText, UnclosedError } from './template.ts'
import { kindText, typeOf, type ValueType } from './value-type.ts'

/**
 * Holds what a task hands over against the input schema of the tool or agent: members that are missing, unknown or of
 * another type. What stands deeper is checked by the engine, before the body is entered.
 *
 * @param types of the expressions, by their paths.
 */
export function checkWith(
  schema: JsonObject,
  value: Json,
  path: Path,
  types: ReadonlyMap<string, ValueType>,
  target: string,
  report: Report,
): void {
  checkType(schema, value, path, types, report)
  if (!isMap(value)) return
  const { properties = {}, required, additionalProperties } = schema
  if (!isMap(properties)) return
  for (const [key, member] of Object.entries(value)) {
    const known = Object.hasOwn(properties, key) ? properties[key] : undefined
    const at = [...path, key]
    if (isMap(known)) checkType(known, member, at, types, report)
    else if (additionalProperties === false) {
      report.add(
        'expression-type',
        at,
        `"${target}" takes no ${JSON.stringify(key)}; ${hintFor(key, Object.keys(properties))}`,
        'key',
      )
    }
  }
  if (!Array.isArray(required)) return
  for (const key of required as readonly string[]) {
    if (!Object.hasOwn(value, key)) report.add('expression-type', path, `"${target}" needs ${JSON.stringify(key)}`, 'key')
  }
}

function hintFor(key: string, known: readonly string[]): string {
  const near = nearest(key, known)
  return near === undefined ? `it takes ${known.join(', ') || 'nothing'}` : `did you mean "${near}"?`
}

function checkType(schema: JsonObject, value: Json, path: Path, types: ReadonlyMap<string, ValueType>, report: Report): void {
  const wanted = typeOf(schema).kind
  const given = givenKind(value, types.get(JSON.stringify(path)))
  if (wanted === 'any' || given === 'any' || wanted === given) return
  const isNumber = (kind: ValueType['kind']): boolean => kind === 'int' || kind === 'number'
  // Whether a number is whole is seen only when it is there.
  if (isNumber(wanted) && isNumber(given)) return
  report.add('expression-type', path, `must be ${kindText(wanted)}, and this is ${kindText(given)}`)
}

function givenKind(value: Json, type: ValueType | undefined): ValueType['kind'] {
  if (typeof value === 'string') {
    if (!value.includes('${{')) return 'string'
    return textKind(value, type)
  }
  if (value === null) return 'null'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'number'
  return Array.isArray(value) ? 'list' : 'map'
}

/** More than one expression, or one with text around it, gives a text. */
function textKind(text: string, type: ValueType | undefined): ValueType['kind'] {
  try {
    return splitText(text).length > 1 ? 'string' : (type?.kind ?? 'any')
  } catch (error) {
    // An expression that does not end has been reported where it was read.
    if (error instanceof UnclosedError) return 'any'
    throw error
  }
}

function isMap(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
