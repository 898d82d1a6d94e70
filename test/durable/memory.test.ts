/** Real processes that share one memory, and are killed while they write, erase and make vectors anew. */
import { readdirSync, readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { MemoryRecord } from '../../src/core/index.ts'
import { sqliteMemory } from '../../src/plugins/memory-sqlite/index.ts'
import { seededRandom } from '../../src/testing/index.ts'
import { fact, listAll, testEmbedder, textsOf } from '../../src/testing/memory-world.ts'
import { using } from '../fixtures/file-memories.ts'
import { newFolder, start } from './processes.ts'

const scope = { tenant: 't', session: 's' }
const wait = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms))

/** What SQLite, and the index of words, think of themselves. */
function expectSound(path: string): void {
  const db = new DatabaseSync(path)
  expect(db.prepare('PRAGMA integrity_check').get()).toMatchObject({ integrity_check: 'ok' })
  db.exec("INSERT INTO memory_words (memory_words) VALUES ('integrity-check')")
  const [records, terms] = ['memory_records', "memory_holders WHERE term LIKE '%:pelican~1'"].map((table) =>
    Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n']),
  )
  expect(terms).toBe(records)
  const counted = db.prepare('SELECT sum(records) AS n FROM memory_tenants').get()?.['n'] ?? 0
  expect(counted).toBe(records)
  db.close()
}

function expectGapless(records: readonly MemoryRecord[]): void {
  expect(records.map((record) => record.seq)).toEqual(records.map((_, at) => at + 1))
}

test('9: three processes that append the same thirty ids at once keep thirty records', async () => {
  const path = join(newFolder(), 'memory.db')
  const programs = ['a', 'b', 'c'].map((name) => start('remember', path, 'share', name))
  await Promise.all(programs.map((program) => program.line('ready')))
  for (const program of programs) program.say('go')
  const said = await Promise.all(programs.map((program) => program.line('inserted')))
  expect(said.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0)).toBe(30)
  await using(sqliteMemory({ path }), async (memory) => {
    const records = await listAll(memory.bind(scope))
    expectGapless(records)
    expect(records.map((record) => record.id).toSorted()).toEqual(Array.from({ length: 30 }, (_, at) => `id ${at}`).toSorted())
  })
})

test('21: after twenty kills everything that was acknowledged is there, once', async () => {
  const path = join(newFolder(), 'memory.db')
  const random = seededRandom(21)
  const kept = new Set<string>()
  for (let round = 0; round < 20; round += 1) {
    const program = start('remember', path, 'write', `${round}`)
    await program.line('kept')
    await wait(random() * 40)
    await program.kill()
    for (const line of program.lines) if (line.startsWith('kept ')) kept.add(line.slice(5))
  }
  expect(kept.size).toBeGreaterThan(20)
  await using(sqliteMemory({ path }), async (memory) => {
    const records = await listAll(memory.bind(scope), undefined, 1000)
    expectGapless(records)
    const ids = records.map((record) => record.id)
    expect(new Set(ids).size).toBe(ids.length)
    expect([...kept].filter((id) => !ids.includes(id))).toEqual([])
    expect((await memory.bind(scope).recall('pelican')).items.length).toBe(10)
  })
  expectSound(path)
})

test('22: an erasure that was killed is whole or undone, and upkeep ends it', async () => {
  const folder = newFolder()
  const path = join(folder, 'memory.db')
  const random = seededRandom(22)
  const bytes = (): string =>
    readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), 'latin1'))
      .join('')
  await using(sqliteMemory({ path }), async (memory) => {
    await memory.bind(scope).append(Array.from({ length: 400 }, (_, at) => fact(`pelican ${at} ${'word '.repeat(200)}`)))
  })
  for (let round = 0; round < 8; round += 1) {
    await using(sqliteMemory({ path }), (memory) =>
      memory
        .bind({ tenant: 't', session: 'gone' })
        .append(Array.from({ length: 300 }, (_, at) => fact(`pelican marker${round}x${at}`))),
    )
    const program = start('remember', path, 'erase')
    await program.line('erasing')
    await wait(random() * 60)
    await program.kill()
    await using(sqliteMemory({ path }), async (memory) => {
      const left = await listAll(memory.bind({ tenant: 't', session: 'gone' }), undefined, 1000)
      expect([0, 300]).toContain(left.length)
      if (left.length > 0) await memory.bind({ tenant: 't', session: 'gone' }).forget('all', 'soft')
      await memory.maintain()
      expect(bytes()).not.toContain(`marker${round}x`)
      expect((await listAll(memory.bind(scope), undefined, 1000)).length).toBe(400)
    })
    expectSound(path)
  }
})

test('22: vectors that are being made anew when the process is killed are made to the end by the next', async () => {
  const path = join(newFolder(), 'memory.db')
  const random = seededRandom(23)
  await using(sqliteMemory({ path, embedder: testEmbedder('e') }), (memory) =>
    memory.bind(scope).append(Array.from({ length: 1500 }, (_, at) => fact(`pelican ${at}`))),
  )
  for (let round = 0; round < 5; round += 1) {
    const program = start('remember', path, 'reembed', `e${round}`)
    await program.line('reembedding')
    await wait(random() * 80)
    await program.kill()
    await using(sqliteMemory({ path, embedder: testEmbedder(`e${round}`), reembed: true }), async (memory) => {
      expect(textsOf(await memory.bind(scope).recall('pelican')).length).toBe(10)
      await memory.maintain()
      expect((await memory.stats()).pending).toBe(0)
    })
    await using(sqliteMemory({ path, embedder: testEmbedder(`e${round}`) }), async (memory) =>
      expect(await memory.stats()).toMatchObject({ records: 1500, pending: 0 }),
    )
  }
  expectSound(path)
})
