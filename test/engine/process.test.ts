import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
  readonly ms: number
}

/** Runs a program of the folder beside this file in a process of its own, and waits until it has ended by itself. */
function runProgram(name: string, ...given: string[]): Promise<Ended> {
  const path = fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url))
  const begun = performance.now()
  const process_ = spawn(process.execPath, ['--no-warnings', path, ...given], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 15_000,
  })
  let out = ''
  let err = ''
  process_.stdout.on('data', (data) => (out += String(data)))
  process_.stderr.on('data', (data) => (err += String(data)))
  return new Promise((resolve, reject) => {
    process_.on('error', reject)
    process_.on('close', (code) => resolve({ code, out, err, ms: performance.now() - begun }))
  })
}

describe('a process that embeds an orchestrator', () => {
  test.each(['200', '1500'])('does not end while a run that it awaits is in a retry delay of %s ms', async (ms) => {
    const { code, out, err } = await runProgram('waits-for-retry', ms)
    expect({ code, out, err }).toEqual({ code: 0, out: '{"status":"completed","output":"done"}', err: '' })
  })

  test('ends by itself after await run.result, although other runs wait and nothing was closed', async () => {
    const { code, out, err, ms } = await runProgram('leaves-things-open')
    expect({ code, out, err }).toEqual({ code: 0, out: '{"status":"completed","output":"done"}', err: '' })
    expect(ms).toBeLessThan(10_000)
  })

  test('does not end while it iterates over the events of a run that waits', async () => {
    const { code, out, err } = await runProgram('watches')
    expect({ code, out, err }).toEqual({ code: 0, out: 'run-end', err: '' })
  })

  test('survives listeners and observers whose promises reject', async () => {
    const { code, out, err } = await runProgram('fails-observing')
    expect({ code, out, err }).toEqual({ code: 0, out: '{"status":"completed","output":"done"}', err: '' })
  })
})
