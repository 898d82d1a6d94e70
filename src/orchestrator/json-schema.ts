import type { JsonSchemaCompiler } from './schema.ts'

/**
 * Loads the validator of plain JSON Schema documents (draft 2020-12, and 7 where a document says so). It is imported only
 * when a tool or an agent brings such a document. Chosen because zod's reading of JSON Schema refuses `not`,
 * `if`/`then` and `dependentRequired` and passes over `patternProperties` (docs/decisions/0007).
 */
export async function loadJsonSchemaCompiler(): Promise<JsonSchemaCompiler> {
  const { Validator } = await import('@cfworker/json-schema')
  return (document) => {
    const draft = String((document as { $schema?: unknown }).$schema ?? '').includes('draft-07') ? '7' : '2020-12'
    const validator = new Validator(document, draft, false)
    return (value) => {
      const result = validator.validate(value)
      if (result.valid) return []
      // The outer keywords repeat what their children say; the deepest locations are the useful ones.
      const deepest = result.errors.filter(
        (error) =>
          !result.errors.some((other) => other !== error && other.keywordLocation.startsWith(`${error.keywordLocation}/`)),
      )
      return deepest.map((error) => ({ path: error.instanceLocation.replace(/^#\/?/, '/'), message: error.error }))
    }
  }
}
