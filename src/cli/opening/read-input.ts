import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Json } from '../../core/index.ts'
import type { Call } from '../calling/command.ts'
import { usageError } from '../calling/report-error.ts'

/**
 * What a run is started with: words behind the agent's name, `--input` or `--set`; nothing gives null.
 *
 * @throws OpspawnError `OPTIONS_INVALID`
 */
export async function readInput(call: Call, words: readonly string[]): Promise<Json> {
  const given = call.options.text('input')
  const set = call.options.list('set')
  const ways = [words.length > 0, given !== undefined, set.length > 0].filter(Boolean).length
  if (ways > 1) throw usageError('the input is given in more than one way', 'give words, --input or --set, not several of them')
  if (words.length > 0) return words.join(' ')
  if (set.length > 0) return fromPairs(set)
  return given === undefined ? null : readValue(call, given)
}

/** `-` is standard input, `@file` a file, anything else JSON, or a text where it is none. @throws OpspawnError `OPTIONS_INVALID` */
export async function readValue(call: Call, given: string): Promise<Json> {
  const { stdin, cwd } = call.surroundings
  if (given === '-') return parseFile('standard input', await readAll(stdin))
  if (!given.startsWith('@')) return jsonOrText(given)
  const path = resolve(cwd, given.slice(1))
  return parseFile(path, await readText(path))
}

/** A file as text. @throws OpspawnError `OPTIONS_INVALID` */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw usageError(`${path} cannot be read: ${(error as Error).message}`, undefined, 'file-unreadable')
  }
}

async function readAll(stream: AsyncIterable<unknown>): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of stream) parts.push(typeof part === 'string' ? Buffer.from(part) : (part as Uint8Array))
  return Buffer.concat(parts).toString('utf8')
}

/** JSON, or YAML by the file's name; any other text as it is. */
async function parseFile(path: string, text: string): Promise<Json> {
  const isYaml = /\.ya?ml$/.test(path)
  if (!isYaml && !path.endsWith('.json')) return jsonOrText(text)
  try {
    return (isYaml ? (await import('yaml')).parse(text) : JSON.parse(text)) as Json
  } catch (error) {
    // Of YAML the lines around the mistake follow.
    const [first = ''] = (error as Error).message.split(/:?\n/)
    throw usageError(`${path} is not ${isYaml ? 'YAML' : 'JSON'}: ${first}`)
  }
}

function fromPairs(pairs: readonly string[]): Json {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at < 1) throw usageError(`--set takes name=value, not "${pair}"`)
      return [pair.slice(0, at), jsonOrText(pair.slice(at + 1))]
    }),
  )
}

/** A value as JSON, or as the text that it is. */
export function jsonOrText(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}
