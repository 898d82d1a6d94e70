import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createOrchestrator, defineAgent } from '../../src/index.ts'
import { scriptedModel } from '../../src/testing/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'opspawn-local-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const agent = defineAgent({ name: 'parrot', model: scriptedModel(['Hello.'], { repeat: true }) })

test('a path as store keeps the runs in that file, and says so', async () => {
  const store = join(folder, 'runs.db')
  const said: string[] = []
  const first = await createOrchestrator({ agents: [agent], store, announce: (text) => said.push(text) })
  const run = await first.start(agent, 'hi')
  await run.result
  await first.close()
  expect(said).toEqual(['opspawn: store "store-sqlite", durability disk: runs survive a power cut'])
  const second = await createOrchestrator({ agents: [agent], store, announce: false })
  expect(await (await second.run(run.id)).result).toEqual({ status: 'completed', output: 'Hello.' })
  await second.close()
})

test('a path that cannot be used is refused before anything starts, and what is wrong with the rest closes the file', async () => {
  const missing = join(folder, 'missing', 'runs.db')
  await expect(createOrchestrator({ agents: [agent], store: missing, announce: false })).rejects.toMatchObject({
    code: expect.stringMatching(/STORE_FAILED|OPTIONS_INVALID/) as string,
    message: expect.stringContaining('missing') as string,
  })
  const store = join(folder, 'twice.db')
  const wrong = [
    ['NAME_DUPLICATE', { agents: [agent, agent] }],
    ['OPTIONS_INVALID', { agents: [agent], queues: [] }],
  ] as const
  for (const [code, options] of wrong) {
    await expect(createOrchestrator({ ...options, store, announce: false })).rejects.toMatchObject({ code })
    expect(readdirSync(folder), `the journal of an open file, ${code}`).not.toContain('twice.db-wal')
  }
  const after = await createOrchestrator({ agents: [agent], store, announce: false })
  await after.close()
})
