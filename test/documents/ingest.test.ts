/** Bringing a memory in step with documents, again and again. */
import { chmod, mkdir, mkdtemp, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { MemoryHandle, MemoryRecord } from '../../src/core/index.ts'
import { citePassage, ingest, type IngestProgress, passageOf, readDocuments } from '../../src/documents/index.ts'
import { inProcessMemory } from '../../src/plugins/memory-in-process/index.ts'

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'opspawn-documents-'))
  folders.push(folder)
  for (const [name, content] of Object.entries(files)) await put(folder, name, content)
  return folder
}

async function put(folder: string, name: string, content: string): Promise<void> {
  await mkdir(join(folder, name, '..'), { recursive: true })
  await writeFile(join(folder, name), content)
}

function newHandle(): MemoryHandle {
  return inProcessMemory().bind({ tenant: 'acme' })
}

async function recordsOf(handle: MemoryHandle): Promise<readonly MemoryRecord[]> {
  return (await handle.list({ limit: 1000 })).records
}

/** All that a memory holds, without when and in which order it was recorded. */
async function contentOf(handle: MemoryHandle): Promise<readonly unknown[]> {
  const records = await recordsOf(handle)
  return records.map((record) => ({ ...record, seq: 0, createdAt: 0 })).toSorted((left, right) => (left.id < right.id ? -1 : 1))
}

const FILES = {
  'house.md': '# House\n\nThe lamp is lit at dusk.\n\n## Oil\n\nOil is delivered on Mondays.\n',
  'notes/menu.txt': 'On Fridays there is fish.\n\nOn Sundays there is cake.\n',
  'notes/page.html': '<h1>Yard</h1><p>The yard is wide.</p>',
}

test('what was taken in is found again, and cited with file and line', async () => {
  const folder = await folderOf(FILES)
  const handle = newHandle()
  const report = await ingest(handle, folder)
  expect(report).toMatchObject({
    collection: folder,
    counts: { added: 3, changed: 0, unchanged: 0, removed: 0, skipped: 0, kept: 0 },
    passages: 4,
  })
  const { items } = await handle.recall('When is oil delivered?')
  const best = passageOf(items[0]?.record as MemoryRecord)
  expect(best).toEqual({
    document: 'house.md',
    headings: ['House', 'Oil'],
    from: 7,
    to: 7,
    page: undefined,
    text: 'Oil is delivered on Mondays.',
  })
  expect(best && citePassage(best)).toBe('house.md:7')
  expect(items[0]?.record.text).toBe('house.md › House › Oil\n\nOil is delivered on Mondays.')
})

test('again nothing is written; what changed is replaced, what is gone forgotten, what was moved moves', async () => {
  const folder = await folderOf(FILES)
  const handle = newHandle()
  await ingest(handle, folder)
  const before = await recordsOf(handle)
  const again = await ingest(handle, folder)
  expect(again.counts).toMatchObject({ unchanged: 3, added: 0 })
  expect(await recordsOf(handle)).toEqual(before)

  await put(folder, 'house.md', '# House\n\nThe lamp is lit at eight.\n')
  await rm(join(folder, 'notes/menu.txt'))
  await rename(join(folder, 'notes/page.html'), join(folder, 'notes/yard.html'))
  const third = await ingest(handle, folder)
  expect(third.documents.map(({ document, status }) => [document, status])).toEqual([
    ['house.md', 'changed'],
    ['notes/yard.html', 'added'],
    ['notes/menu.txt', 'removed'],
    ['notes/page.html', 'removed'],
  ])
  const clean = newHandle()
  await ingest(clean, folder)
  expect(await contentOf(handle)).toEqual(await contentOf(clean))
  expect((await handle.recall('dusk Mondays fish')).items).toEqual([])
})

test('cutting in another way takes everything anew', async () => {
  const folder = await folderOf(FILES)
  const handle = newHandle()
  await ingest(handle, folder)
  const { counts } = await ingest(handle, folder, { chunkTokens: 16 })
  expect(counts.changed).toBe(3)
  const clean = newHandle()
  await ingest(clean, folder, { chunkTokens: 16 })
  expect(await contentOf(handle)).toEqual(await contentOf(clean))
})

test('collections, scopes and what is no document do not touch each other', async () => {
  const memory = inProcessMemory()
  const [ours, theirs] = [memory.bind({ tenant: 'acme' }), memory.bind({ tenant: 'acme', user: 'ada' })]
  await ours.append([
    { id: 'fact', kind: 'fact', text: 'Ada lives in Bergen.' },
    { id: 'odd', kind: 'fact', text: 'Somebody else uses the name.', metadata: { collection: 'docs' } },
  ])
  await ingest(ours, { name: 'a.md', content: 'One.' }, { collection: 'docs' })
  await ingest(ours, { name: 'a.md', content: 'Two.' })
  await ingest(theirs, { name: 'a.md', content: 'Three.' }, { collection: 'docs' })
  const { counts } = await ingest(ours, [], { collection: 'docs' })
  expect(counts.removed).toBe(1)
  expect((await recordsOf(ours)).map(({ text }) => text)).toEqual([
    'Ada lives in Bergen.',
    'Somebody else uses the name.',
    'a.md\n\nTwo.',
  ])
  expect((await recordsOf(theirs)).map(({ text }) => text)).toEqual(['a.md\n\nThree.'])
})

test('a document of thousands of passages is written in parts', async () => {
  const handle = newHandle()
  const content = Array.from({ length: 3000 }, (_, at) => `# Part ${at}\n\nText ${at}.`).join('\n\n')
  const { passages } = await ingest(handle, { name: 'long.md', content })
  expect(passages).toBe(3000)
  expect((await ingest(handle, { name: 'long.md', content })).counts.unchanged).toBe(1)
})

test('what cannot be taken is named with the reason, and what was remembered of it goes', async () => {
  const folder = await folderOf({
    ...FILES,
    '.hidden/lamp.md': 'Hidden.',
    'node_modules/lamp.md': 'Installed.',
    'photo.jpg': 'x',
  })
  await symlink('/etc/hosts', join(folder, 'hosts.md'))
  await symlink('.', join(folder, 'loop'))
  const handle = newHandle()
  const { documents } = await ingest(handle, folder)
  const skipped = documents.filter(({ status }) => status === 'skipped').map(({ document, reason }) => [document, reason])
  expect(skipped).toEqual([
    ['hosts.md', 'a symbolic link, not followed'],
    ['loop', 'a symbolic link, not followed'],
    ['photo.jpg', 'not Markdown, text, HTML or PDF'],
  ])
  await truncate(join(folder, 'house.md'), 50_000_000)
  const again = await ingest(handle, folder)
  expect(again.documents).toContainEqual({
    document: 'house.md',
    status: 'skipped',
    passages: 0,
    reason: '50 MB, above the limit of 20 MB for one file',
  })
  expect((await handle.recall('lamp dusk')).items).toEqual([])
})

test('limits hold, and say what they left out; what could not be looked at is kept', async () => {
  const folder = await folderOf({ 'a/b/c.md': 'Deep.', 'd.md': 'Flat.', 'e.md': 'Last.' })
  const handle = newHandle()
  await ingest(handle, folder)
  const shallow = await ingest(handle, folder, { limits: { depth: 1 } })
  expect(shallow.documents).toContainEqual({
    document: 'a/b',
    status: 'skipped',
    passages: 0,
    reason: 'left out: more than 1 folders deep',
  })
  expect(shallow.documents).toContainEqual({
    document: 'a/b/c.md',
    status: 'kept',
    passages: 1,
    reason: 'left out: more than 1 folders deep',
  })
  const few = await ingest(handle, folder, { limits: { entries: 1 } })
  expect(few.counts).toMatchObject({ kept: 3, removed: 0 })
  const small = await ingest(handle, folder, { limits: { totalBytes: 6 } })
  expect(small.documents.filter(({ status }) => status === 'skipped').map(({ document }) => document)).toEqual(['d.md', 'e.md'])
  expect((await recordsOf(handle)).map(({ text }) => text)).toEqual(['a/b/c.md\n\nDeep.'])
})

test.skipIf(process.getuid?.() === 0 || process.platform === 'win32')('a folder that may not be read is kept', async () => {
  const folder = await folderOf(FILES)
  const handle = newHandle()
  await ingest(handle, folder)
  await chmod(join(folder, 'notes'), 0)
  const { counts } = await ingest(handle, folder)
  await chmod(join(folder, 'notes'), 0o755)
  expect(counts).toMatchObject({ kept: 2, removed: 0, unchanged: 1 })
})

test('progress is told of what is in the memory', async () => {
  const folder = await folderOf(FILES)
  const handle = newHandle()
  const told: IngestProgress[] = []
  const report = await ingest(handle, folder, { onProgress: (progress) => told.push(progress) })
  expect(told.map(({ done, total, document }) => [done, total, document])).toEqual([
    [1, 3, 'house.md'],
    [2, 3, 'notes/menu.txt'],
    [3, 3, 'notes/page.html'],
  ])
  expect(told).toEqual(report.documents.map((one, at) => ({ ...one, done: at + 1, total: 3 })))
})

test('on abort it rejects with the reason, and the next call goes on', async () => {
  const folder = await folderOf(Object.fromEntries(Array.from({ length: 600 }, (_, at) => [`${at}.md`, `Text ${at}.`])))
  const handle = newHandle()
  const controller = new AbortController()
  const reason = new Error('enough')
  const stopped = ingest(handle, folder, {
    signal: controller.signal,
    onProgress: ({ done }) => done === 100 && controller.abort(reason),
  })
  await expect(stopped).rejects.toBe(reason)
  const there = (await recordsOf(handle)).length
  expect(there).toBeGreaterThan(100)
  expect(there).toBeLessThan(600)
  const { counts } = await ingest(handle, folder)
  expect(counts).toMatchObject({ unchanged: there, added: 600 - there })
  await expect(ingest(handle, folder, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
})

/** A handle whose calls end, one after the other, as if the process had died: before the call, or right behind it. */
function dyingAt(handle: MemoryHandle, call: number, isBehind: boolean): MemoryHandle {
  let count = 0
  const dying =
    <A extends readonly unknown[], R>(act: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      count += 1
      if (count === call && !isBehind) throw new Error('died')
      const result = await act(...args)
      if (count === call) throw new Error('died')
      return result
    }
  return {
    ...handle,
    append: dying((...args: Parameters<MemoryHandle['append']>) => handle.append(...args)),
    forget: dying((...args: Parameters<MemoryHandle['forget']>) => handle.forget(...args)),
  }
}

test('a process that dies at any write leaves nothing that the next one does not mend', async () => {
  const long = (word: string): string => Array.from({ length: 400 }, (_, at) => `# ${at}\n\n${word} ${at}.`).join('\n\n')
  const before = { 'gone.md': 'Gone.', 'long.md': long('old'), 'same.md': 'Same.' }
  const after = { 'long.md': long('new'), 'new.md': 'New.', 'same.md': 'Same.' }
  const sources = (files: Readonly<Record<string, string>>) => Object.entries(files).map(([name, content]) => ({ name, content }))
  const clean = newHandle()
  await ingest(clean, sources(after), { collection: 'docs' })
  const expected = await contentOf(clean)
  let deaths = 0
  for (let call = 1; call <= 5; call += 1) {
    for (const isBehind of [false, true]) {
      const handle = newHandle()
      await ingest(handle, sources(before), { collection: 'docs' })
      const died = await ingest(dyingAt(handle, call, isBehind), sources(after), { collection: 'docs' }).then(
        () => false,
        (error: Error) => error.message === 'died',
      )
      if (died) deaths += 1
      await ingest(handle, sources(after), { collection: 'docs' })
      expect(await contentOf(handle)).toEqual(expected)
    }
  }
  expect(deaths, 'there are several writes to die at').toBeGreaterThanOrEqual(8)
})

test('the documents can be read without a memory', async () => {
  const folder = await folderOf({ ...FILES, 'photo.jpg': 'x' })
  const read = []
  for await (const one of readDocuments(folder, { formats: ['markdown', 'text'] })) read.push(one)
  expect(read.map((one) => ('reason' in one ? [one.document, one.reason] : [one.document, one.format]))).toEqual([
    ['notes/page.html', 'not Markdown or text'],
    ['photo.jpg', 'not Markdown or text'],
    ['house.md', 'markdown'],
    ['notes/menu.txt', 'text'],
  ])
})

test.each<[unknown, unknown, string, string]>([
  ['', {}, 'OPTIONS_INVALID', 'a source must be the path'],
  [undefined, {}, 'OPTIONS_INVALID', 'a source must be a path or a document, not undefined'],
  [{ name: 'a.md' }, {}, 'OPTIONS_INVALID', 'must be bytes or a text, not undefined'],
  [{ name: '', content: '' }, {}, 'OPTIONS_INVALID', 'the name of a source must be 1 to 1,024'],
  [{ name: 'a.md', content: 'x', mediaType: 1 }, {}, 'OPTIONS_INVALID', 'mediaType'],
  [{ name: 'a.md', content: 'x', size: 1 }, {}, 'OPTIONS_INVALID', 'has no member "size"'],
  [['a', 'b'], {}, 'OPTIONS_INVALID', 'a list of sources needs a collection'],
  ['a', { collection: '' }, 'OPTIONS_INVALID', 'collection must be'],
  ['a', { chunkTokens: 15 }, 'OPTIONS_INVALID', 'chunkTokens must be a whole number from 16 to 8192, not 15'],
  ['a', { chunkTokens: Number.NaN }, 'OPTIONS_INVALID', 'not NaN'],
  ['a', { chunkTokens: 100, overlapTokens: 51 }, 'OPTIONS_INVALID', 'overlapTokens must be a whole number from 0 to 50'],
  ['a', { formats: [] }, 'OPTIONS_INVALID', 'formats must be a list of'],
  ['a', { formats: ['docx'] }, 'OPTIONS_INVALID', 'not "docx"'],
  ['a', { forget: 'hard' }, 'OPTIONS_INVALID', 'soft or erase'],
  ['a', { onProgress: 1 }, 'OPTIONS_INVALID', 'onProgress must be a function'],
  ['a', { countTokens: 1 }, 'OPTIONS_INVALID', 'countTokens must be a function'],
  ['a', { size: 1 }, 'OPTIONS_INVALID', 'options has no member "size"'],
  ['a', null, 'OPTIONS_INVALID', 'options must be an object'],
  ['a', { limits: { fileBytes: 0 } }, 'LIMIT_INVALID', 'limits.fileBytes must be'],
  ['a', { limits: { files: 1 } }, 'OPTIONS_INVALID', 'limits has no member "files"'],
  ['/nowhere/at/all', {}, 'INPUT_INVALID', 'there is no such folder'],
  [
    [
      { name: 'a.md', content: 'x' },
      { name: 'a.md', content: 'y' },
    ],
    { collection: 'docs' },
    'INPUT_INVALID',
    'two documents are called "a.md"',
  ],
])('%j with %j is refused', async (source, options, code, text) => {
  await expect(ingest(newHandle(), source as never, options as never)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(text) as string,
  })
})
