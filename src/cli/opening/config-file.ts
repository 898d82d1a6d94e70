import { existsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { OpspawnError, toFailure } from '../../core/index.ts'
import type { LocalOptions } from '../../index.ts'
import type { Call } from '../calling/command.ts'
import { usageError } from '../calling/report-error.ts'
import { requireConfigShape } from './config-shape.ts'

const NAMES = ['opspawn.config.ts', 'opspawn.config.mts', 'opspawn.config.js', 'opspawn.config.mjs'] as const

/** A configuration that was found and read. */
export interface LoadedConfig {
  readonly path: string
  readonly options: LocalOptions
}

/** The configuration of a call, if there is one. @throws OpspawnError `OPTIONS_INVALID`, or what the configuration throws */
export async function readConfig({ options, surroundings: { cwd } }: Call): Promise<LoadedConfig | undefined> {
  if (options.isRefused('config')) return undefined
  const given = options.text('config')
  if (given === undefined) {
    const name = NAMES.find((candidate) => existsSync(join(cwd, candidate)))
    return name === undefined ? undefined : loadConfig(join(cwd, name))
  }
  const path = resolve(cwd, given)
  if (existsSync(path)) return loadConfig(path)
  throw usageError(`there is no configuration ${path}`, '`opspawn init` writes one', 'config-missing')
}

/** The configuration of a call that cannot do without. @throws OpspawnError `OPTIONS_INVALID`, or what the configuration throws */
export async function requireConfig(call: Call): Promise<LoadedConfig> {
  const config = await readConfig(call)
  if (config !== undefined) return config
  const { cwd } = call.surroundings
  if (call.options.isRefused('config'))
    throw usageError('this needs a configuration, and --no-config leaves it out', 'leave --no-config out', 'config-missing')
  throw usageError(
    `there is no opspawn.config.ts in ${cwd}`,
    'give one with --config; `opspawn init` writes one',
    'config-missing',
  )
}

async function loadConfig(path: string): Promise<LoadedConfig> {
  if (statSync(path).isDirectory())
    throw usageError(
      `the configuration ${path} is a folder`,
      'name the file in it: --config FOLDER/opspawn.config.ts',
      'config-missing',
    )
  const exported = await importDefault(path)
  let made: unknown = exported
  if (typeof exported === 'function') {
    try {
      made = await (exported as () => unknown)()
    } catch (error) {
      throw loadError(path, error)
    }
  }
  if (
    typeof made !== 'object' ||
    made === null ||
    Array.isArray(made) ||
    typeof (made as { start?: unknown }).start === 'function'
  ) {
    throw usageError(
      `the default export of ${path} is ${describe(made)}`,
      'export the options of an orchestrator: `export default defineConfig({ agents: [...], store: "runs.db" })`',
      'config-export',
    )
  }
  requireConfigShape(path, made)
  const { store } = made
  return { path, options: typeof store === 'string' ? { ...made, store: resolve(dirname(path), store) } : made }
}

async function importDefault(path: string): Promise<unknown> {
  try {
    const module = (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>
    const { default: exported, 'module.exports': whole } = module
    // A file without any import or export counts as CommonJS, which always exports something.
    const isEmpty = exported === whole && typeof whole === 'object' && whole !== null && Object.keys(whole).length === 0
    return isEmpty ? undefined : exported
  } catch (error) {
    throw loadError(path, error)
  }
}

function describe(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null || typeof value !== 'object') return `a value of type ${value === null ? 'null' : typeof value}`
  return Array.isArray(value) ? 'a list' : 'an orchestrator that is open already'
}

function loadError(path: string, error: unknown): OpspawnError {
  // An agent or a plugin that is wrong says so with a code of its own.
  if (OpspawnError.is(error)) {
    const { code, message, details } = toFailure(error, 'INTERNAL')
    return new OpspawnError(code as OpspawnError['code'], `${path}: ${message}`, { cause: error, details })
  }
  const isSyntax = error instanceof SyntaxError || syntaxCodes.has((error as { code?: string } | null)?.code ?? '')
  const text = toFailure(error, 'INTERNAL').message
  return new OpspawnError('OPTIONS_INVALID', `${placeOf(path, error)}: ${text}`, {
    cause: error,
    details: {
      reason: isSyntax ? 'config-syntax' : 'config-failed',
      hint: isSyntax ? SYNTAX_HINT : loadHint(error, text),
    },
  })
}

const SYNTAX_HINT =
  'the configuration cannot be read as JavaScript or TypeScript; of TypeScript, only what can be left out is allowed'

function loadHint(error: unknown, text: string): string {
  const { code } = (error ?? {}) as { readonly code?: unknown }
  const missing = code === 'ERR_MODULE_NOT_FOUND' ? /^Cannot find package '([^']+)'/.exec(text)?.[1] : undefined
  if (missing !== undefined) return `install it in the folder of the configuration: npm install ${missing}`
  if (code === 'EACCES') return 'give this user the right to read it'
  return 'the configuration threw while it was loaded; --debug shows where'
}

const syntaxCodes: ReadonlySet<string> = new Set(['ERR_INVALID_TYPESCRIPT_SYNTAX', 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX'])

/** The file with the line, where the engine tells it: in the first line of a syntax error's stack. */
function placeOf(path: string, error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const at = stack.indexOf(`${path}:`)
  const line = at < 0 ? undefined : /^\d+/.exec(stack.slice(at + path.length + 1))?.[0]
  return line === undefined ? path : `${path}:${line}`
}
