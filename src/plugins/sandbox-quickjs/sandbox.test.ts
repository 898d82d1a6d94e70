import { afterAll, describe, expect, test } from 'vitest'
import { OpspawnError } from '../../core/index.ts'
import { quickjsSandbox, type SandboxFunction, type SandboxResult } from './index.ts'

const sandbox = quickjsSandbox({ threads: 2 })
afterAll(() => sandbox[Symbol.asyncDispose]())

const api: Readonly<Record<string, SandboxFunction>> = {
  double: (input) => Number((input as { n: number }).n) * 2,
  refuse: () => {
    throw new OpspawnError('POLICY_DENIED', 'not today', { details: { rule: 'r1' } })
  },
  never: () => new Promise<never>(() => {}),
}
const run = (code: string, more: object = {}): Promise<SandboxResult> => sandbox.run({ code, api, ...more })

async function value(code: string, more: object = {}): Promise<unknown> {
  const result = await run(code, more)
  return result.status === 'completed' ? result.value : result.error
}

test('code calls what it was given, in parallel too, and returns JSON', async () => {
  const code = `
    const all = await Promise.all([1, 2, 3].map((n) => tools.double({ n })))
    console.log('all', all, { a: 1 }, undefined, () => 1)
    return { all, more: await tools['double']({ n: all[2] }) }`
  expect(await run(code)).toEqual({
    status: 'completed',
    value: { all: [2, 4, 6], more: 12 },
    console: ['all [2,4,6] {"a":1} undefined () => 1'],
  })
  expect(await value('')).toBeNull()
  expect(await value('return tools.echo()', { api: { echo: (input: unknown) => input } })).toEqual({})
})

test('what a call throws is thrown in the code, as data', async () => {
  const code = 'try { await tools.refuse({}) } catch (e) { return [e instanceof Error, e.name, e.code, e.message, e.details] }'
  expect(await value(code)).toEqual([true, 'ToolError', 'POLICY_DENIED', 'not today', { rule: 'r1', status: 'failed' }])
  expect(await value('const x = 1\n  await tools.refuse({})')).toMatchObject({
    code: 'TOOL_FAILED',
    message: 'ToolError: not today (line 2, column 15)',
    details: { reason: 'thrown', line: 2, thrownCode: 'POLICY_DENIED' },
  })
})

describe('what goes wrong has a code, a reason and a place', () => {
  test.each([
    ['\nnull.x', 'TOOL_FAILED', { reason: 'thrown', line: 2, column: 1 }, /TypeError.*line 2, column 1/],
    ['return 1 +* 2', 'TOOL_FAILED', { reason: 'syntax', line: 1 }, /SyntaxError/],
    ['throw "text"', 'TOOL_FAILED', { reason: 'thrown' }, /text/],
    ['throw null', 'TOOL_FAILED', { reason: 'thrown' }, /null/],
    ['throw { get message() { throw 1 } }', 'TOOL_FAILED', { reason: 'thrown' }, /Error/],
    ['throw Object.assign(new Error("x"), { code: "BUDGET_EXCEEDED" })', 'TOOL_FAILED', { thrownCode: 'BUDGET_EXCEEDED' }, /x/],
    [
      'await tools.nothing({})',
      'TOOL_FAILED',
      { thrownCode: 'TOOL_UNKNOWN' },
      /no tool "nothing"; there are double, never, refuse/,
    ],
    ['await new Promise(() => {})', 'TOOL_FAILED', { reason: 'stuck' }, /waits for something/],
    ['return { a: 1n }', 'TOOL_FAILED', { reason: 'thrown' }, /BigInt/],
    ['return JSON.parse(\'{"__proto__":1}\')', 'TOOL_FAILED', { reason: 'json' }, /__proto__/],
    ['return "x".repeat(300000)', 'PAYLOAD_TOO_LARGE', { reason: 'result' }, /262144 characters/],
    [`return ${'!'.repeat(70_000)}1`, 'PAYLOAD_TOO_LARGE', { reason: 'source' }, /allowed 65536/],
    ['await tools.double({ n: "x".repeat(70000) })', 'TOOL_FAILED', { thrownCode: 'PAYLOAD_TOO_LARGE' }, /65536 characters/],
    [
      'let x = 1; for (let i = 0; i < 99; i++) x = [x]; await tools.double(x)',
      'TOOL_FAILED',
      { thrownCode: 'JSON_INVALID' },
      /nest|deep/,
    ],
  ])('%.60s', async (code, errorCode, details, message) => {
    const names = { double: api['double'], never: api['never'], refuse: api['refuse'] }
    expect(await value(code, { api: names })).toMatchObject({
      code: errorCode,
      retryable: false,
      details,
      message: expect.stringMatching(message) as string,
    })
  })
})

test('code is deterministic: chance, time and zone are what it was given', async () => {
  const code = 'return [Math.random(), Math.random(), Date.now(), new Date().toISOString(), new Date().getTimezoneOffset()]'
  const first = await value(code, { seed: 'a', now: 1_700_000_000_000 })
  expect(await value(code, { seed: 'a', now: 1_700_000_000_000 })).toEqual(first)
  expect(first).toMatchObject({ 2: 1_700_000_000_000, 3: '2023-11-14T22:13:20.000Z', 4: 0 })
  expect(await value(code, { seed: 'b', now: 1_700_000_000_000 })).not.toEqual(first)
})

test('code finds nothing of the host, by no way to a constructor', async () => {
  const host = [
    'process',
    'require',
    'fetch',
    'setTimeout',
    'setImmediate',
    'WebAssembly',
    'Buffer',
    'performance',
    'Worker',
    'host',
    'Deno',
  ]
  const found = `${JSON.stringify(host)}.filter((name) => name in globalThis || typeof globalThis[name] !== 'undefined')`
  const ways = [
    `return ${found}`,
    `return [].constructor.constructor('return ${found.replaceAll("'", '"')}')()`,
    `return (async () => {}).constructor('return ${found.replaceAll("'", '"')}')()`,
    `return tools.double.constructor('return ${found.replaceAll("'", '"')}')()`,
    `try { await tools.refuse({}) } catch (e) { return e.constructor.constructor('return ${found.replaceAll("'", '"')}')() }`,
    `return console.log.constructor('return ${found.replaceAll("'", '"')}')()`,
    `return Object.getPrototypeOf(Object.getPrototypeOf(tools.double({ n: 1 }))).constructor.constructor('return ${found.replaceAll("'", '"')}')()`,
  ]
  for (const way of ways) expect([way, await value(way)]).toEqual([way, []])
  expect(await value('return import("node:fs").then(() => "loaded", () => "none")')).toBe('none')
  const change =
    'return [() => delete tools.double, () => (tools.x = 1), () => (console.log = 1)].map((f) => { try { f() } catch { return "no" } })'
  expect(await value(change)).toEqual(['no', 'no', 'no'])
})

test('a language that the code has changed changes nothing for the host, nor for the next code', async () => {
  const code = `Object.prototype.toJSON = () => ({ code: 'FAKE' }); Array.prototype.join = () => { throw 1 }
    Promise.prototype.then = null; JSON.parse = JSON.stringify = null; Error.prototype.message = 'fake'
    return await tools.double({ n: 4 })`
  expect(await run(code)).toMatchObject({ status: expect.any(String) as string })
  expect(await value('return [JSON.stringify({ a: 1 }), [1, 2].join()]')).toEqual(['{"a":1}', '1,2'])
})

test('the 51st call is refused in the code, and so are calls above a limit of ones own', async () => {
  const code =
    'let n = 0; try { for (;;) { await tools.double({ n }); n += 1 } } catch (e) { return [n, e.code, e.details, e.message] }'
  const refusal = (most: number): unknown[] => [
    most,
    'TOOL_FAILED',
    { reason: 'calls' },
    expect.stringContaining(`more than ${most} calls`),
  ]
  expect(await value(code)).toEqual(refusal(50))
  expect(await value(code, { limits: { calls: 3 } })).toEqual(refusal(3))
})

test('what is written to the console is cut at the limit', async () => {
  const { console: lines } = await run('for (let i = 0; i < 1000; i++) console.log("line", i, "x".repeat(100)); return 1', {
    limits: { consoleChars: 250 },
  })
  expect(lines).toHaveLength(3)
  expect(lines.join('').length).toBeLessThan(260)
})

test('aborting ends the code at once, wherever it is, and tells open calls', async () => {
  const aborted = new AbortController()
  const loop = sandbox.run(
    { code: 'for (;;);', limits: { fuel: 1_000_000, cpuMs: 60_000, wallMs: 120_000 } },
    { signal: aborted.signal },
  )
  setTimeout(() => aborted.abort(new Error('enough')), 200)
  await expect(loop).rejects.toThrow('enough')

  const second = new AbortController()
  const told = Promise.withResolvers<unknown>()
  const wait: SandboxFunction = (_input, { signal }) => {
    signal.addEventListener('abort', () => told.resolve((signal.reason as Error).message))
    setTimeout(() => second.abort(new Error('stop')), 0)
    return new Promise<never>(() => {})
  }
  await expect(sandbox.run({ code: 'await tools.wait({})', api: { wait } }, { signal: second.signal })).rejects.toThrow('stop')
  expect(await told.promise).toBe('stop')
  await expect(sandbox.run({ code: 'return 1' }, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before')
  expect(await value('return 1')).toBe(1)
})

test('calls that are open when the code ends are told', async () => {
  const told = Promise.withResolvers<string>()
  const wait: SandboxFunction = (_input, { signal }) => {
    signal.addEventListener('abort', () => told.resolve((signal.reason as OpspawnError).code))
    return new Promise<never>(() => {})
  }
  expect(await value('tools.wait({}); return await tools.double({ n: 1 })', { api: { ...api, wait } })).toBe(2)
  expect(await told.promise).toBe('RUN_CANCELLED')
})

describe('bad input is refused', () => {
  test.each([
    [() => quickjsSandbox({ threads: 0 }), 'OPTIONS_INVALID', /threads must be a whole number from 1 to 64/],
    [() => quickjsSandbox({ thread: 1 } as never), 'OPTIONS_INVALID', /cannot have a member "thread"/],
    [() => quickjsSandbox({ limits: { memoryMb: 8 } }), 'LIMIT_INVALID', /memoryMb must be a whole number from 16 to 64/],
    [() => quickjsSandbox({ limits: { ram: 8 } as never }), 'OPTIONS_INVALID', /cannot have a member "ram"/],
    [() => run(5 as never), 'OPTIONS_INVALID', /code must be a text/],
    [() => run('', { api: { 'a b': () => 1 } }), 'OPTIONS_INVALID', /"a b" is no name/],
    [() => run('', { now: Number.NaN }), 'OPTIONS_INVALID', /epoch milliseconds/],
    [() => run('', { limits: { cpuMs: 1e9 } }), 'LIMIT_INVALID', /cpuMs/],
  ])('%#', async (make, code, message) => {
    await expect((async () => make())()).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string })
  })
})
