/** Check 30: memories print nothing, keep nothing open, and hold no process. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { COMPILED, newFolder } from './processes.ts'

const PROGRAM = fileURLToPath(new URL('programs/quiet.ts', import.meta.url))
/** What may come and go by itself, such as a thread of a pool. */
const FEW = 12
/** To start a thread takes as long as a hundred of the others. Without its thread SQLite is opened a thousand times in its own test. */
const THREADS = 100

test.each([
  ['in-process', 1000],
  ['keyv', 1000],
  ['lancedb', 1000],
  ['composite without threads', 1000],
  ['sqlite', THREADS],
  ['composite', THREADS],
])(
  '30: a thousand recalls of %s print nothing, %i memories that were opened and closed leave nothing open, and the process ends by itself',
  async (name, times) => {
    // Node 22 says of its own SQLite, and of sources in TypeScript, that they are experimental.
    const given = ['--disable-warning=ExperimentalWarning', PROGRAM, name, newFolder(), `${times}`]
    const env = { ...process.env, NODE_COMPILE_CACHE: COMPILED }
    // The time only ends a process that would never end.
    const { stdout, stderr } = await promisify(execFile)(process.execPath, given, {
      env,
      timeout: 280_000,
      killSignal: 'SIGKILL',
    })
    expect(stderr).toBe('')
    const { found, more } = JSON.parse(stdout) as {
      readonly found: number
      readonly more: readonly (readonly [string, number])[]
    }
    expect(found).toBe(1000)
    expect(more.filter(([, count]) => count > FEW)).toEqual([])
  },
)
