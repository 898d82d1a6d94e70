import { existsSync, statSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Memory, type MemoryHandle, type MemoryScope, OpspawnError, type ScopeLabel } from '../../core/index.ts'
import type { Call } from '../calling/command.ts'
import { requireConfig } from './config-file.ts'
import { usageError } from '../calling/report-error.ts'

const LABELS: readonly ScopeLabel[] = ['agent', 'user', 'session']
const SQLITE = 'SQLite format 3\0'

/** A memory that was opened for a call. */
export interface OpenMemory {
  readonly memory: Memory
  readonly scope: MemoryScope
  /** Bound to the scope; its reads may leave open what the scope does not name. */
  readonly handle: MemoryHandle
}

/** The tenant of a call. @throws OpspawnError `OPTIONS_INVALID` */
export function tenantOf({ options }: Call): string {
  const tenant = options.text('tenant')
  if (tenant === undefined || tenant === '')
    throw usageError('--tenant is needed: whose memory is it?', 'runs without one are of the tenant "default"')
  return tenant
}

/** Opens the memory of a call, binds it to the scope of its options, and closes it again. @throws OpspawnError */
export async function withMemory<T>(call: Call, mayBeNew: boolean, act: (opened: OpenMemory) => Promise<T>): Promise<T> {
  const tenant = tenantOf(call)
  const labels = Object.fromEntries(
    LABELS.flatMap((label) => [[label, call.options.text(label)] as const]).filter(([, value]) => value !== undefined),
  )
  const scope: MemoryScope = { tenant, ...labels }
  return withBareMemory(call, mayBeNew, (memory) => {
    const across = LABELS.filter((label) => scope[label] === undefined)
    return act({ memory, scope, handle: memory.bind(scope, { across }) })
  })
}

/** The same for what is about the whole memory. @throws OpspawnError */
export async function withBareMemory<T>(call: Call, mayBeNew: boolean, act: (memory: Memory) => Promise<T>): Promise<T> {
  const memory = await memoryOf(call, mayBeNew)
  try {
    return await act(memory)
  } finally {
    await memory[Symbol.asyncDispose]?.()
  }
}

async function memoryOf(call: Call, mayBeNew: boolean): Promise<Memory> {
  const given = call.options.text('memory')
  if (given === undefined) return configuredMemory(call)
  if (call.options.text('name') !== undefined) throw usageError('--memory and --name cannot be used together')
  const path = resolve(call.surroundings.cwd, given)
  if (!existsSync(path) && !mayBeNew)
    throw usageError(`there is no ${path}`, '`opspawn memory ingest` makes one', 'memory-missing')
  if (isFolder(path)) return lancedbIn(path)
  if (!(await isForSqlite(path))) return (await import('../../plugins/memory-in-process/index.ts')).inProcessMemory({ path })
  const { holdsMemory, sqliteMemory } = await import('../../plugins/memory-sqlite/index.ts')
  if (!mayBeNew && !(await holdsMemory(path)))
    throw usageError(`${path} holds no memory`, '`opspawn memory ingest` puts one into it', 'memory-missing')
  return sqliteMemory({ path })
}

/** A folder that is there, or one to be made. */
function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? path.endsWith('.lance')
}

async function lancedbIn(path: string): Promise<Memory> {
  const { holdsMemory, lancedbMemory } = await import('../../plugins/memory-lancedb/index.ts')
  if (existsSync(path) && !holdsMemory(path))
    throw usageError(
      `${path} is a folder that holds no memory`,
      '`opspawn memory ingest` makes one, as NAME.lance',
      'memory-missing',
    )
  return lancedbMemory({ path })
}

/** What is in a file says whose it is; of one with nothing in it, its name. */
async function isForSqlite(path: string): Promise<boolean> {
  const start = existsSync(path) ? await startOf(path, SQLITE.length) : ''
  return start === '' ? /\.(?:db|sqlite3?)$/.test(path) : start === SQLITE
}

async function startOf(path: string, bytes: number): Promise<string> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0)
    return buffer.toString('latin1', 0, bytesRead)
  } catch (error) {
    throw usageError(`${path} cannot be read: ${(error as Error).message}`, undefined, 'file-unreadable')
  } finally {
    await file?.close()
  }
}

async function configuredMemory(call: Call): Promise<Memory> {
  const { path, options } = await requireConfig(call)
  const memories = (options.plugins ?? []).filter((plugin): plugin is Memory => plugin.spec === 'memory/1')
  const name = call.options.text('name')
  const [first, ...others] = name === undefined ? memories : memories.filter((memory) => memory.name === name)
  const names = memories.map((memory) => memory.name).join(', ')
  if (first === undefined && name !== undefined && memories.length > 0)
    throw usageError(`${path} has no memory "${name}"; it has ${names}`)
  if (first === undefined)
    throw usageError(`${path} has no memory among its plugins`, 'give the file of one with --memory', 'memory-missing')
  if (others.length > 0) throw usageError(`which memory? ${path} has ${names}`, 'give one of them with --name')
  if (first.capabilities.durability === 'none')
    throw new OpspawnError(
      'PLUGIN_CAPABILITY_MISSING',
      `the memory ${first.name} of ${path} keeps its records in the process that made them, so there is nothing to look at from here`,
      {
        details: { hint: 'give it a path in the configuration, or give a file with --memory' },
      },
    )
  return first
}
