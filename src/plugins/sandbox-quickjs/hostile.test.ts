/** Code that wants to harm: it ends within its limits, and the process does not notice. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { quickjsSandbox, type SandboxFunction, type SandboxResult } from './index.ts'

const limits = { fuel: 300, cpuMs: 1000, wallMs: 6000, memoryMb: 32 }
const sandbox = quickjsSandbox({ threads: 2, limits })
afterAll(() => sandbox[Symbol.asyncDispose]())

const api: Readonly<Record<string, SandboxFunction>> = { echo: (input) => input }
const deep = '['.repeat(100_000)

/** The nine of the check, then variations of them. Each with the reasons for which it may end. */
const hostile: readonly (readonly [name: string, code: string, reasons: readonly string[]])[] = [
  ['loop', 'for (;;);', ['fuel']],
  ['regex', 'return /(a+)+$/.test("a".repeat(40) + "b")', ['fuel', 'cpu', 'wall']],
  ['heap', 'const all = []; for (;;) all.push("x".repeat(100000) + all.length)', ['memory']],
  ['buffers', 'const all = []; for (;;) all.push(new ArrayBuffer(1 << 20).resize)', ['fuel', 'cpu', 'wall', 'memory']],
  ['kept buffers', 'const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1))', ['memory']],
  ['recursion', 'const f = () => f() + 1; return f()', ['stack']],
  ['deep JSON', `return JSON.parse(${JSON.stringify('[')}.repeat(${deep.length}))`, ['stack', 'thrown']],
  ['deep result', 'let x = []; for (let i = 0; i < 1e5; i++) x = [x]; return x', ['stack', 'json']],
  ['call flood', 'for (;;) tools.echo({}).catch(() => {})', ['fuel', 'cpu', 'wall', 'memory']],
  ['microtask flood', 'for (;;) await 0', ['fuel', 'cpu', 'wall']],
  [
    'growing microtasks',
    'const f = () => { Promise.resolve().then(f); Promise.resolve().then(f) }; f(); await f()',
    ['fuel', 'cpu', 'wall', 'memory', 'stuck'],
  ],
  ['caught loop', 'for (;;) { try { for (;;); } catch {} finally { continue } }', ['fuel']],
  [
    'caught memory',
    'const all = []; for (;;) try { for (;;) all.push(new Array(1000).fill(all)) } catch {}',
    ['fuel', 'cpu', 'wall', 'memory'],
  ],
  ['one giant', 'return "x".repeat(2 ** 29)', ['memory']],
  ['slow built-in', 'const text = "y".repeat(2e6); for (;;) text.indexOf("z")', ['fuel', 'cpu', 'wall']],
  ['nested source', 'return eval("(".repeat(200000))', ['stack', 'thrown', 'memory']],
  ['console flood', 'for (;;) console.log("x".repeat(1000))', ['fuel', 'cpu', 'wall', 'memory']],
]

const reasonOf = (result: SandboxResult): unknown =>
  result.status === 'failed' ? (result.error.details as { reason: string }).reason : result.value

describe('hostile code ends within its limits', () => {
  test.each(hostile)('%s', async (_name, code, reasons) => {
    const before = process.memoryUsage().rss
    let ticks = 0
    const timer = setInterval(() => (ticks += 1), 5)
    const began = performance.now()
    const reason = reasonOf(await sandbox.run({ code, api }))
    const ms = performance.now() - began
    clearInterval(timer)
    expect(reasons).toContain(reason)
    // Coarse on purpose: a loop that stood still while the code ran would have ticked once or not at all.
    expect(ticks).toBeGreaterThan(Math.min(ms / 100, 20) - 2)
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(100)
    expect(await sandbox.run({ code: 'return "alive"' })).toMatchObject({ value: 'alive' })
  })
})

test('one built-in that the engine cannot interrupt is ended by the wall', async () => {
  const code = 'return ("a".repeat(1e6)).indexOf("a".repeat(5e5) + "b")'
  const wide = { fuel: 1_000_000, cpuMs: 60_000 }
  expect(reasonOf(await sandbox.run({ code, limits: { ...wide, wallMs: 1500 } }))).toBe('wall')
  expect(await sandbox.run({ code: 'return "alive"' })).toMatchObject({ value: 'alive' })
})

test('memory that really holds: what one piece of code can keep is within its limit', async () => {
  const code =
    'const all = []; try { for (;;) all.push(new Uint8Array(1 << 20)) } catch {} const n = all.length; all.length = 0; return n'
  for (const memoryMb of [16, 48]) {
    const { value } = (await sandbox.run({ code, limits: { memoryMb } })) as { value: number }
    expect(value).toBeGreaterThan(memoryMb / 2)
    expect(value).toBeLessThan(memoryMb)
  }
})

test('the memory of all that was run does not add up', async () => {
  const before = process.memoryUsage().rss
  for (let count = 0; count < 12; count += 1)
    await sandbox.run({ code: 'const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1))' })
  expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(100)
})

test('a thread has neither environment nor arguments, and a process that forgets its sandbox ends by itself', () => {
  const program = `
    import worker from 'node:worker_threads'
    import { syncBuiltinESMExports } from 'node:module'
    const made = []
    const Real = worker.Worker
    worker.Worker = class extends Real { constructor(file, options) { super(file, options); made.push([this, options]) } }
    syncBuiltinESMExports()
    const { quickjsSandbox } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)})
    const sandbox = quickjsSandbox({ threads: 3, warm: 2 })
    const results = []
    for (const n of [1, 2, 3, 4, 5]) results.push(await sandbox.run({ code: 'return ' + n }))
    const session = await sandbox.open({ code: 'await tools.x()', names: ['x'] })
    await session.step([])
    const seen = made.map(([, { env, execArgv, argv, stdin, resourceLimits }]) => ({ env, execArgv, argv, stdin, resourceLimits }))
    console.log(JSON.stringify({ values: results.map(({ value }) => value), seen, session: session.isOpen }))`
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 120_000,
    cwd: fileURLToPath(new URL('../../..', import.meta.url)),
    env: { ...process.env, CANARY: 'secret' },
  })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  const { values, seen, session } = JSON.parse(stdout) as { values: unknown; seen: readonly object[]; session: boolean }
  expect(values).toEqual([1, 2, 3, 4, 5])
  expect(session).toBe(true)
  expect(seen.length).toBeGreaterThan(0)
  expect(seen.length).toBeLessThan(5)
  for (const options of seen)
    expect(options).toMatchObject({
      env: {},
      execArgv: [],
      argv: [],
      stdin: false,
      resourceLimits: { maxOldGenerationSizeMb: 64, stackSizeMb: 16 },
    })
})
