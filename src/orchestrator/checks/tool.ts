import { OpspawnError, type Tool } from '../../core/index.ts'
import { requireName } from './name.ts'
import { requireRetry } from './retry.ts'
import { requireShape, type Shape } from './shape.ts'
import { named, show } from './show.ts'

const EFFECTS: readonly string[] = ['pure', 'idempotent', 'transactional', 'unsafe']
const ON_UNKNOWN: readonly string[] = ['tell', 'ask', 'repeat']
const LABELS: readonly string[] = ['private', 'untrusted', 'outbound']

const TOOL: Shape = {
  spec: 'any?',
  name: 'any',
  description: 'text',
  input: 'any',
  output: 'any?',
  effect: 'text',
  labels: 'list?',
  approval: 'flag?',
  timeoutMs: 'positive?',
  concurrency: 'whole?',
  retry: 'object?',
  onUnknown: 'text?',
  verify: 'function?',
  route: 'function?',
  execute: 'function',
}
/** What `defineTool` takes: also a whole tool, so that one can be made from another by spreading. */
const GIVEN: Shape = { ...TOOL, effect: 'any?' }

/** Checks what `defineTool` was given; members that do not exist are refused. @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID` */
export function requireToolOptions(options: unknown): void {
  requireShape(named('tool', options, 'defineTool'), options, GIVEN)
}

/** Checks a tool, however it was made. @throws OpspawnError `NAME_INVALID`, `OPTIONS_INVALID`, `LIMIT_INVALID` */
export function requireTool(tool: Tool): void {
  requireName('tool', tool.name)
  const where = `tool "${tool.name}"`
  requireShape(where, tool, TOOL, 'OPTIONS_INVALID', true)
  if (!EFFECTS.includes(tool.effect))
    throw new OpspawnError('OPTIONS_INVALID', `${where}: effect ${show(tool.effect)} is none of ${EFFECTS.join(', ')}`)
  if (tool.onUnknown !== undefined && !ON_UNKNOWN.includes(tool.onUnknown))
    throw new OpspawnError('OPTIONS_INVALID', `${where}: onUnknown ${show(tool.onUnknown)} is none of ${ON_UNKNOWN.join(', ')}`)
  for (const label of tool.labels ?? []) {
    if (!LABELS.includes(label))
      throw new OpspawnError('OPTIONS_INVALID', `${where}: label ${show(label)} is none of ${LABELS.join(', ')}`)
  }
  requireRetry(where, tool.retry)
}
