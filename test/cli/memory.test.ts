/** The commands about memories, most of them called in this process. */
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { MemoryRecord, Recall } from '../../src/core/index.ts'
import type { IngestReport } from '../../src/documents/index.ts'
import { inProcessMemory } from '../../src/plugins/memory-in-process/index.ts'
import { holdsMemory } from '../../src/plugins/memory-sqlite/index.ts'
import { sqliteStore } from '../../src/plugins/store-sqlite/index.ts'
import { call, callJson, emptyFolder, json, opspawn, project } from './support.ts'

const FILE = ['--memory', 'memory.jsonl', '--tenant', 'acme'] as const

/** A folder with documents beside a file for their memory. */
function library(): string {
  return emptyFolder({ 'lamp.md': '# Lamp\n\nThe lamp is lit at dusk.\n', 'photo.jpg': 'x' })
}

async function ingested(): Promise<string> {
  const cwd = library()
  const { code, stderr } = await call(cwd, ['memory', 'ingest', 'lamp.md', ...FILE])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return cwd
}

describe('memory ingest', () => {
  test('takes in, passes over what is unchanged, forgets what is gone, and names what it could not take', async () => {
    const cwd = library()
    const args = ['memory', 'ingest', '.', ...FILE]
    const first = await call(cwd, args)
    expect(first).toEqual({
      code: 0,
      stdout: `${cwd}: 1 added, 1 skipped; 1 passages\n`,
      stderr: expect.stringContaining('photo.jpg: not Markdown, text, HTML or PDF\n') as string,
    })
    writeFileSync(join(cwd, 'oil.txt'), 'Oil comes on Mondays.')
    expect((await call(cwd, args)).stdout).toBe(`${cwd}: 1 added, 1 unchanged, 2 skipped; 2 passages\n`)
    const { collections } = await callJson<{ collections: readonly IngestReport[] }>(
      cwd,
      'memory',
      'ingest',
      'lamp.md',
      ...FILE,
      '--collection',
      cwd,
    )
    expect(collections).toMatchObject([{ collection: cwd, counts: { unchanged: 1, removed: 1 } }])
    expect(readFileSync(join(cwd, 'memory.jsonl'), 'utf8'), 'its bytes are gone').not.toContain('Mondays')
  })

  test('shows how far it is on a terminal', async () => {
    const { stdout } = await call(library(), ['memory', 'ingest', 'lamp.md', ...FILE], { columns: 80 })
    expect(stdout).toContain('1 added')
    const { stderr } = await call(library(), ['memory', 'ingest', 'lamp.md', ...FILE], { columns: 80 })
    expect(stderr).toContain('ingesting')
  })

  test('an interrupt stops it with 130, and the same command goes on', async () => {
    const files = Object.fromEntries(Array.from({ length: 400 }, (_, at) => [`${at}.md`, `Text ${at}.`]))
    const cwd = emptyFolder(files)
    const args = ['memory', 'ingest', '.', ...FILE]
    const stopped = await call(cwd, args, { columns: 80, onWrite: (interrupt) => interrupt('SIGINT') })
    expect(stopped.code).toBe(130)
    expect(stopped.stderr).toContain('interrupted; the same command goes on from here')
    expect((await call(cwd, args)).code).toBe(0)
  })
})

describe('what is remembered', () => {
  test('is found with its place', async () => {
    const cwd = await ingested()
    const { stdout } = await call(cwd, ['memory', 'search', 'when', 'is', 'it', 'lit', ...FILE])
    expect(stdout).toMatch(/^SCORE +KIND +PLACE +TEXT\n\d\.\d\d +document +lamp\.md:3 +The lamp is lit at dusk\.\n$/)
    const recall = await callJson<Recall>(cwd, 'memory', 'search', 'lamp', ...FILE)
    expect(recall.items[0]?.record.source).toMatchObject({ document: 'lamp.md', from: 3, to: 3 })
    expect((await call(cwd, ['memory', 'search', 'penguins', ...FILE])).stdout).toBe('nothing found\n')
  })

  test('is listed in pages, counted, and belongs to its scope alone', async () => {
    const cwd = await ingested()
    await call(cwd, ['memory', 'ingest', 'lamp.md', ...FILE, '--user', 'ada'])
    const { records } = await callJson<{ records: readonly MemoryRecord[] }>(cwd, 'memory', 'list', ...FILE)
    expect(records).toMatchObject([{ kind: 'document', scope: { tenant: 'acme' } }])
    const all = await call(cwd, ['memory', 'list', ...FILE, '--across', 'user', '--limit', '1', '--kind', 'document'])
    expect(all.stdout).toContain('lamp.md:3')
    expect(all.stderr).toMatch(/^more: --cursor \S+\n$/)
    expect((await call(cwd, ['memory', 'list', '--memory', 'memory.jsonl', '--tenant', 'other'])).stdout).toBe('no records\n')
    expect(await callJson(cwd, 'memory', 'stats', '--memory', 'memory.jsonl')).toMatchObject({
      stats: { records: 2 },
      capabilities: { lexical: true },
    })
    expect((await call(cwd, ['memory', 'stats', ...FILE])).stdout).toContain('records: 2\n')
  })

  test('is forgotten by id, by document, or altogether; then its bytes are gone', async () => {
    for (const [how, mode] of [
      [['--document', 'lamp.md'], []],
      [['--all'], ['--erase']],
    ] as const) {
      const cwd = await ingested()
      const { stdout } = await call(cwd, ['memory', 'forget', ...how, ...mode, ...FILE])
      expect(stdout).toBe(`forgot 1 records${mode.length > 0 ? ', and their bytes are gone' : ''}\n`)
      expect(readFileSync(join(cwd, 'memory.jsonl'), 'utf8')).not.toContain('dusk')
    }
    const cwd = await ingested()
    const { records } = await callJson<{ records: readonly MemoryRecord[] }>(cwd, 'memory', 'list', ...FILE)
    expect(await callJson(cwd, 'memory', 'forget', records[0]?.id ?? '', ...FILE)).toEqual({ count: 1, verified: false })
  })

  test('moves to another memory and back, by a file and by standard input', async () => {
    const cwd = await ingested()
    expect(await callJson(cwd, 'memory', 'export', '-o', 'all.jsonl', ...FILE)).toEqual({
      file: join(cwd, 'all.jsonl'),
      records: 1,
    })
    const piped = await call(cwd, ['memory', 'export', ...FILE])
    expect(piped.stdout.trim().split('\n')).toHaveLength(3)
    const other = ['--memory', 'other.jsonl'] as const
    expect(await callJson(cwd, 'memory', 'import', 'all.jsonl', ...other)).toEqual({ imported: 1 })
    const again = await call(cwd, ['memory', 'import', '-', ...other], { stdin: piped.stdout })
    expect(again).toEqual({ code: 0, stdout: 'imported 0 records\n', stderr: '' })
    expect((await call(cwd, ['memory', 'search', 'lamp', '--tenant', 'acme', ...other])).stdout).toContain('lamp.md:3')
  })
})

test('an import that has nothing to read makes no memory; a mark at the beginning of one does no harm', async () => {
  const cwd = await ingested()
  for (const name of ['nowhere.jsonl', '.']) {
    const { code, stderr } = await call(cwd, ['memory', 'import', name, '--memory', 'new.db'])
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('cannot be read: ') as string })
  }
  expect(readdirSync(cwd).filter((name) => name.startsWith('new'))).toEqual([])
  const { stdout } = await call(cwd, ['memory', 'export', ...FILE])
  writeFileSync(join(cwd, 'marked.jsonl'), `\uFEFF${stdout}`)
  expect(await callJson(cwd, 'memory', 'import', 'marked.jsonl', '--memory', 'new.db')).toEqual({ imported: 1 })
})

describe('a SQLite file', () => {
  test('is made by its name, known by what is in it, searched, forgotten from, and moved, each in a process of its own', async () => {
    const cwd = library()
    const given = ['--memory', 'memory.db', '--tenant', 'acme'] as const
    expect(await opspawn(cwd, 'memory', 'ingest', 'lamp.md', ...given)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('1 added') as string,
      stderr: '',
    })
    expect(readFileSync(join(cwd, 'memory.db'), 'latin1')).toMatch(/^SQLite format 3\0/)
    expect((await opspawn(cwd, 'memory', 'search', 'dusk', ...given)).stdout).toContain('lamp.md:3')
    expect(await json(cwd, 'memory', 'export', '-o', 'all.jsonl', ...given)).toMatchObject({ records: 1 })
    expect(await json(cwd, 'memory', 'import', 'all.jsonl', '--memory', 'other.jsonl')).toEqual({ imported: 1 })
    expect(await json(cwd, 'memory', 'forget', '--all', '--erase', ...given)).toEqual({ count: 1, verified: true })
    const files = readdirSync(cwd).filter((name) => name.startsWith('memory.db'))
    expect(files.filter((name) => readFileSync(join(cwd, name), 'latin1').includes('dusk'))).toEqual([])
    // Lines of JSON stay what they are under any name.
    renameSync(join(cwd, 'other.jsonl'), join(cwd, 'other.db'))
    const stats = await json(cwd, 'memory', 'stats', '--memory', 'other.db')
    expect(stats).toMatchObject({ name: 'memory-in-process', stats: { records: 1 } })
  })

  test('may be that of the runs; what only looks puts no memory into it', async () => {
    const cwd = project({ 'lamp.md': '# Lamp\n\nThe lamp is lit at dusk.\n' })
    expect((await opspawn(cwd, 'run', 'parrot', 'x')).code).toBe(0)
    const given = ['--memory', 'runs.db', '--tenant', 'acme'] as const
    expect(await opspawn(cwd, 'memory', 'search', 'dusk', ...given)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('runs.db holds no memory') as string,
    })
    expect(await holdsMemory(join(cwd, 'runs.db'))).toBe(false)
    expect((await opspawn(cwd, 'memory', 'ingest', 'lamp.md', ...given)).code).toBe(0)
    expect((await opspawn(cwd, 'memory', 'search', 'dusk', ...given)).stdout).toContain('lamp.md:3')
    expect(await json(cwd, 'memory', 'stats', '--memory', 'runs.db')).toMatchObject({ name: 'memory-sqlite' })
    expect((await opspawn(cwd, 'list')).stdout).toContain('parrot')
  })
})

test('a SQLite file that holds no memory, or cannot, is refused and left as it is', async () => {
  const cwd = emptyFolder({ 'cut.sqlite': 'SQLite format 3\0', 'lamp.md': '# Lamp' })
  await using runs = sqliteStore({ path: join(cwd, 'runs.db') })
  await runs.open()
  const other = new DatabaseSync(join(cwd, 'other.db'))
  other.exec('CREATE TABLE notes (text TEXT)')
  other.close()
  const before = readFileSync(join(cwd, 'other.db'))
  for (const [args, exit, text] of [
    [['list', '--memory', 'cut.sqlite'], 9, 'is not a SQLite database'],
    [['list', '--memory', 'runs.db'], 2, 'runs.db holds no memory'],
    [['forget', '--all', '--memory', 'runs.db'], 2, 'runs.db holds no memory'],
    [['ingest', 'lamp.md', '--memory', 'other.db'], 9, 'is the SQLite database of another program'],
  ] as const) {
    const { code, stderr } = await call(cwd, ['memory', ...args, '--tenant', 'acme'])
    expect({ code, stderr }).toEqual({ code: exit, stderr: expect.stringContaining(text) as string })
  }
  expect(readFileSync(join(cwd, 'other.db'))).toEqual(before)
  expect(await holdsMemory(join(cwd, 'runs.db'))).toBe(false)
})

describe('the memory of a configuration', () => {
  const plugin = pathToFileURL(join(import.meta.dirname, '../../src/plugins/memory-in-process/index.ts')).href
  const config = (body: string): string => `import { inProcessMemory } from '${plugin}'\nexport default { plugins: [${body}] }\n`

  test('is used, and is chosen by its name where there are several', async () => {
    const one = library()
    writeFileSync(join(one, 'opspawn.config.ts'), config(`inProcessMemory({ path: ${JSON.stringify(join(one, 'm.jsonl'))} })`))
    expect((await call(one, ['memory', 'ingest', 'lamp.md', '--tenant', 'acme'])).code).toBe(0)
    await using memory = inProcessMemory({ path: join(one, 'm.jsonl') })
    expect((await memory.stats('acme')).records).toBe(1)

    const two = library()
    const paths = ['a', 'b'].map((name) => `inProcessMemory({ name: '${name}', path: ${JSON.stringify(join(two, name))} })`)
    writeFileSync(join(two, 'opspawn.config.ts'), config(paths.join(', ')))
    const refused = await call(two, ['memory', 'stats'])
    expect(refused.stderr).toContain('which memory? ')
    expect((await call(two, ['memory', 'stats', '--name', 'c'])).stderr).toContain('has no memory "c"; it has a, b')
    expect((await call(two, ['memory', 'stats', '--name', 'b'])).stdout).toContain('memory: b\n')
  })

  test('that keeps nothing is refused', async () => {
    const cwd = emptyFolder({ 'opspawn.config.ts': config('inProcessMemory()') })
    const { code, stderr } = await call(cwd, ['memory', 'stats'])
    expect(stderr).toContain('error PLUGIN_CAPABILITY_MISSING: the memory memory-in-process of ')
    expect(code).toBe(78)
  })
})

test('a folder of LanceDB is made by its name, and opened as what it holds', async () => {
  const cwd = library()
  const there = ['--memory', 'memory.lance', '--tenant', 'acme'] as const
  expect(await call(cwd, ['memory', 'ingest', 'lamp.md', ...there])).toMatchObject({ code: 0, stderr: '' })
  renameSync(join(cwd, 'memory.lance'), join(cwd, 'elsewhere'))
  const moved = ['--memory', 'elsewhere', '--tenant', 'acme'] as const
  const recall = await callJson<Recall>(cwd, 'memory', 'search', 'lamp', ...moved)
  expect(recall.items[0]?.record.source).toMatchObject({ document: 'lamp.md', from: 3, to: 3 })
  expect((await call(cwd, ['memory', 'stats', '--memory', 'elsewhere'])).stdout).toContain('memory: memory-lancedb\n')
  expect((await call(cwd, ['memory', 'forget', '--all', '--erase', ...moved])).stdout).toBe(
    'forgot 1 records, and their bytes are gone\n',
  )
})

test.each([
  [['memory', 'search', 'x', '--memory', 'memory.jsonl'], 2, '--tenant is needed'],
  [['memory', 'search', 'x', '--tenant', 'acme'], 2, 'there is no opspawn.config.ts in '],
  [['memory', 'search', 'x', '--memory', 'none.jsonl', '--tenant', 'acme'], 2, 'there is no '],
  [['memory', 'search', 'x', ...FILE, '--name', 'm'], 2, '--memory and --name cannot be used together'],
  [['memory', 'search', 'x', ...FILE, '--limit', '5000'], 2, 'budget/items must be a whole number from 1 to 1000'],
  [['memory', 'search', 'x', ...FILE, '--across', 'tenant'], 2, 'must be one of agent, user, session'],
  [['memory', 'forget', ...FILE], 2, 'what is to be forgotten?'],
  [['memory', 'forget', 'id', '--all', ...FILE], 2, 'what is to be forgotten?'],
  [['memory', 'ingest', 'nowhere', ...FILE], 2, 'there is no such folder'],
  [['memory', 'ingest', 'lamp.md', 'lamp.md', ...FILE], 2, 'a path is given twice'],
  [['memory', 'ingest', 'lamp.md', ...FILE, '--chunk-tokens', '5'], 2, 'chunkTokens must be'],
  [['memory', 'import', 'lamp.md', ...FILE], 2, 'lamp.md, line 1 is not JSON'],
  [['memory', 'import', 'nowhere.jsonl', ...FILE], 2, 'cannot be read'],
  [['memory', 'list', '--memory', 'lamp.md', '--tenant', 'acme'], 78, 'is no journal of a memory'],
  [['memory', 'list', '--memory', '.', '--tenant', 'acme'], 2, 'is a folder that holds no memory'],
  [['memory', 'ingest', 'lamp.md', '--memory', '.', '--tenant', 'acme'], 2, 'is a folder that holds no memory'],
  [['memory', 'list', '--memory', 'none.lance', '--tenant', 'acme'], 2, 'there is no '],
  [['memory', 'list', '--memory', 'none.db', '--tenant', 'acme'], 2, 'there is no '],
  [['memory', 'export', '-o', 'lamp.md', ...FILE], 2, 'lamp.md cannot be written'],
])('%j ends with %i', async (args, exit, text) => {
  const cwd = await ingested()
  const { code, stderr } = await call(cwd, args)
  expect(stderr).toContain(text)
  expect(code).toBe(exit)
})
