import { type Json, pointer } from '../../core/index.ts'

/** Where two values differ first, as a JSON Pointer; `undefined` where they are alike. Members in any order are alike. */
export function differ(left: unknown, right: unknown): string | undefined {
  const path = firstDifference(left as Json, right as Json, [])
  return path === undefined ? undefined : pointer(path)
}

type Path = readonly (string | number)[]

function firstDifference(left: Json | undefined, right: Json | undefined, path: Path): Path | undefined {
  if (left === right) return undefined
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return path
  if (Array.isArray(left) !== Array.isArray(right)) return path
  const keys = new Set([...Object.keys(left), ...Object.keys(right)])
  for (const key of keys) {
    const found = firstDifference(memberOf(left, key), memberOf(right, key), [...path, key])
    if (found !== undefined) return found
  }
  return undefined
}

function memberOf(value: object, key: string): Json | undefined {
  return Object.hasOwn(value, key) ? (value as Readonly<Record<string, Json>>)[key] : undefined
}
