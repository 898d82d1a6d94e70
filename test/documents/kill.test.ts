/** Real processes that are killed while they take documents in. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { inProcessMemory } from '../../src/plugins/memory-in-process/index.ts'
import { seededRandom } from '../../src/testing/index.ts'
import { node } from '../examples/run-example.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** Runs the program; kills it once it has said so many lines, or as soon as its file is there. Gives what it said. */
async function run(args: readonly string[], killAfter = Infinity): Promise<string> {
  const program = join(import.meta.dirname, 'programs/ingest.ts')
  const child = spawn(node, ['--no-warnings', program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
    if (said.split('\n').length > killAfter) child.kill('SIGKILL')
  })
  await new Promise((resolve) => void child.once('close', resolve))
  return said
}

async function contentOf(path: string): Promise<readonly unknown[]> {
  await using memory = inProcessMemory({ path })
  const handle = memory.bind({ tenant: 'acme' })
  const records = []
  let cursor: string | undefined
  do {
    const page = await handle.list({ limit: 1000, ...(cursor !== undefined && { cursor }) })
    records.push(...page.records)
    cursor = page.cursor
  } while (cursor !== undefined)
  return records.map((record) => ({ ...record, seq: 0, createdAt: 0 })).toSorted((left, right) => (left.id < right.id ? -1 : 1))
}

function write(folder: string, count: number, word: string): void {
  mkdirSync(folder, { recursive: true })
  for (let at = 0; at < count; at += 1) {
    const sections = Array.from({ length: 1 + (at % 7) }, (_, part) => `## ${part}\n\nThe ${word} ${at} of part ${part}.`)
    writeFileSync(join(folder, `${at}.md`), `# Page ${at}\n\n${at % 3 === 0 ? sections.join('\n\n') : `Always ${at}.`}\n`)
  }
}

test('killed at random moments, started again: the memory is that of a clean ingest', async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'opspawn-ingest-'))
  folders.push(scratch)
  const [folder, path, clean] = [join(scratch, 'docs'), join(scratch, 'memory.jsonl'), join(scratch, 'clean.jsonl')]
  const random = seededRandom(37)
  let kills = 0
  for (const [count, word] of [
    [1500, 'lamp'],
    [1200, 'lens'],
  ] as const) {
    rmSync(folder, { recursive: true, force: true })
    write(folder, count, word)
    for (let time = 0; time < 4; time += 1) {
      const said = await run([folder, path], 1 + Math.floor(random() * 1000))
      if (said.includes('done ')) break
      kills += 1
    }
    expect(await run([folder, path])).toContain('done ')
    rmSync(clean, { force: true })
    await run([folder, clean])
    expect(await contentOf(path)).toEqual(await contentOf(clean))
    expect(await run([folder, path])).toContain(`done {"added":0,"changed":0,"unchanged":${count},"removed":0`)
  }
  expect(kills, 'it was killed in the middle').toBeGreaterThanOrEqual(4)
})
