import { type Extension, OpspawnError, type Plugin } from '../../core/index.ts'
import { show } from './show.ts'

/** The contracts that this version speaks. */
export const SPECS = ['tool/1', 'agent/1', 'planner/1', 'memory/1', 'scheduler/1', 'store/1', 'extension/1'] as const

/** The members that every implementation of a contract must have. */
const MEMBERS: Readonly<Record<(typeof SPECS)[number], readonly string[]>> = {
  'tool/1': ['execute'],
  'agent/1': [],
  'planner/1': ['decide'],
  'memory/1': ['bind', 'maintain', 'stats', 'export', 'import'],
  'scheduler/1': ['publish', 'consume', 'depth', 'drain'],
  'store/1': ['create', 'claim', 'heartbeat', 'append', 'release', 'sweep', 'signal', 'read', 'list'],
  'extension/1': ['setup'],
}

/** Checks that a value is a plugin. @throws OpspawnError `PLUGIN_INVALID`, `PLUGIN_SPEC_UNSUPPORTED` */
export function requirePlugin(value: unknown): asserts value is Plugin {
  const plugin = (typeof value === 'object' && value !== null ? value : {}) as Partial<Plugin>
  if (typeof plugin.spec !== 'string') {
    throw new OpspawnError('PLUGIN_INVALID', `a plugin is an object with a spec, found ${found(value)}`)
  }
  const name = typeof plugin.name === 'string' && plugin.name !== '' ? `"${plugin.name}"` : undefined
  if (name === undefined) throw new OpspawnError('PLUGIN_INVALID', `a plugin of spec ${plugin.spec} has no name`)
  if (!Object.hasOwn(MEMBERS, plugin.spec)) {
    throw new OpspawnError(
      'PLUGIN_SPEC_UNSUPPORTED',
      `plugin ${name} speaks ${plugin.spec}; this version speaks ${SPECS.join(', ')}`,
      { details: { spec: plugin.spec } },
    )
  }
  for (const member of MEMBERS[plugin.spec]) {
    if (typeof (plugin as unknown as Record<string, unknown>)[member] !== 'function') {
      throw new OpspawnError('PLUGIN_INVALID', `plugin ${name} (${plugin.spec}) has no ${member} function`, {
        details: { member },
      })
    }
  }
}

function found(value: unknown): string {
  if (Array.isArray(value)) return 'a list; put what it holds into the list around it'
  if (typeof value === 'function') return 'function; did you forget to call the factory?'
  return value === null ? 'null' : typeof value
}

/** Checks an extension, however it was made. @throws OpspawnError `PLUGIN_INVALID` */
export function requireExtension(extension: Omit<Extension, 'spec'>): void {
  if (typeof extension?.name !== 'string' || extension.name === '')
    throw new OpspawnError('PLUGIN_INVALID', 'an extension needs a name')
  if (typeof extension.setup !== 'function')
    throw new OpspawnError('PLUGIN_INVALID', `extension "${extension.name}" has no setup function`)
  const { requires = [] } = extension
  if (Array.isArray(requires) && requires.every((name) => typeof name === 'string')) return
  throw new OpspawnError(
    'PLUGIN_INVALID',
    `extension "${extension.name}": requires must be a list of names of extensions, not ${show(requires)}`,
  )
}
