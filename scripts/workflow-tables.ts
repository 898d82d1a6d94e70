/** The tables of docs/reference/workflow-document.md, made of the schema and the limits. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { WORKFLOW_LIMITS, WORKFLOW_SCHEMA } from '../src/plugins/planner-workflow/index.ts'

/** Every key of a document, and what it must be. */
function documentTable(): string {
  return schemaTable(WORKFLOW_SCHEMA)
}

type SchemaPart = { readonly [keyword: string]: unknown }

/** Every key of a task, and what it must be. */
function taskTable(): string {
  const { tasks } = WORKFLOW_SCHEMA['properties'] as Readonly<Record<string, SchemaPart>>
  return schemaTable(tasks?.['additionalProperties'] as SchemaPart)
}

function schemaTable(schema: SchemaPart): string {
  const rows = Object.entries(schema['properties'] as Readonly<Record<string, SchemaPart>>).map(
    ([key, { title = 'any value' }]) => {
      const required = (schema['required'] as readonly string[]).includes(key) ? ', required' : ''
      return `| \`${key}\` | ${String(title).replaceAll('|', '\\|')}${required} |`
    },
  )
  return ['| Key | Value |', '|---|---|', ...rows].join('\n')
}

/** Every limit, with the words that stand at it in the source. */
function limitTable(): string {
  const source = readFileSync(join(import.meta.dirname, '../src/plugins/planner-workflow/limits.ts'), 'utf8')
  const words = new Map(
    [...source.matchAll(/\/\*\* (.+?) \*\/\n((?: {2}\w+: .+\n)+)/g)].flatMap(([, text = '', keys = '']) =>
      [...keys.matchAll(/(\w+):/g)].map(([, key = '']) => [key, text] as const),
    ),
  )
  const rows = Object.entries(WORKFLOW_LIMITS).map(
    ([key, value]) => `| \`${key}\` | ${value.toLocaleString('en')} | ${words.get(key) ?? ''} |`,
  )
  return ['| Limit | Number | What it bounds |', '|---|---|---|', ...rows].join('\n')
}

/** By the name of the part that each fills. */
export const workflowTables: Readonly<Record<string, () => string>> = {
  document: documentTable,
  task: taskTable,
  limits: limitTable,
}
