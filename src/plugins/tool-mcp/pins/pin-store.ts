import { randomUUID } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { type Json, type JsonObject, OpspawnError } from '../../../core/index.ts'
import { isObject } from '../faults.ts'

/** What was approved of one tool. */
export interface PinnedTool {
  /** SHA-256 of the definition with its server. */
  readonly pin: string
  /** As it was approved, to tell what has changed. */
  readonly definition: JsonObject
}

/**
 * What was approved of one server.
 *
 * @property identity What the server was: its command with its version, or its origin.
 * @property instructions What it said of itself.
 * @property tools By the names that the server gives them.
 */
export interface PinnedEntry {
  readonly identity: JsonObject
  readonly instructions: string | null
  readonly tools: Readonly<Record<string, PinnedTool>>
}

/**
 * All pins.
 *
 * @property version Of this form.
 * @property servers By name.
 */
export interface Pins {
  readonly version: 1
  readonly servers: Readonly<Record<string, PinnedEntry>>
}

/**
 * Where pins are kept.
 *
 * @property write Puts these in the place of all that was kept.
 */
export interface McpPinStore {
  /** For messages. */
  readonly where: string
  /** `undefined`: nothing was ever kept. Whatever else goes wrong must throw: then nothing is trusted. */
  read(): Promise<Pins | undefined>
  write(pins: Pins): Promise<void>
}

/** Pins in a file, to be kept with the sources. It is replaced as a whole. */
export function mcpLockFile(path: string): McpPinStore {
  return {
    where: path,
    async read() {
      let text: string
      try {
        text = await readFile(path, 'utf8')
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw unreadable(path, (error as Error).message, error)
      }
      return parsePins(text, path)
    },
    async write(pins) {
      const other = `${path}.${randomUUID()}`
      try {
        await writeFile(other, `${JSON.stringify(sorted(pins as unknown as Json), null, 2)}\n`)
        await rename(other, path)
      } catch (error) {
        await rm(other, { force: true })
        throw new OpspawnError('STORE_FAILED', `the pins cannot be written to ${path}: ${(error as Error).message}`, {
          cause: error,
        })
      }
    },
  }
}

/** Pins in this process alone, gone with it. */
export function mcpMemoryPins(): McpPinStore {
  let kept: Pins | undefined
  return {
    where: 'memory',
    read: () => Promise.resolve(kept),
    write: (pins) => {
      kept = pins
      return Promise.resolve()
    },
  }
}

function parsePins(text: string, path: string): Pins {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw unreadable(path, `it is no JSON: ${(error as Error).message}`, error)
  }
  const servers = isObject(value) && value['version'] === 1 ? value['servers'] : undefined
  if (!isObject(servers) || !Object.values(servers).every(isEntry)) throw unreadable(path, 'it has not the form of a lock file')
  return value as unknown as Pins
}

function isEntry(entry: unknown): boolean {
  if (!isObject(entry) || !isObject(entry['identity']) || !isObject(entry['tools'])) return false
  const { instructions } = entry
  if (instructions !== null && typeof instructions !== 'string') return false
  return Object.values(entry['tools']).every(
    (tool) => isObject(tool) && typeof tool['pin'] === 'string' && isObject(tool['definition']),
  )
}

function unreadable(path: string, why: string, cause?: unknown): OpspawnError {
  return new OpspawnError(
    'STORE_FAILED',
    `the pins in ${path} cannot be read: ${why}; mend it, or write it anew with opspawn mcp pin`,
    {
      cause,
      retryable: false,
    },
  )
}

/** Keys in order, so that a difference of two files is a difference of pins. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map((item) => sorted(item as Json))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((key) => [key, sorted((value as JsonObject)[key] as Json)]),
  )
}
