/** What is read of each kind of document, and what is told of those that cannot be read. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type DocumentContent, type DocumentSource, ingest, type IngestOptions, passageOf } from '../../src/documents/index.ts'
import { inProcessMemory } from '../../src/plugins/memory-in-process/index.ts'
import { makePdf } from './make-pdf.ts'

async function take(source: DocumentSource, options: IngestOptions = {}) {
  const handle = inProcessMemory().bind({ tenant: 'acme' })
  const report = await ingest(handle, source, options)
  const { records } = await handle.list({ limit: 1000 })
  return { report, passages: records.map((record) => passageOf(record)) }
}

/** Why a document was skipped. */
async function reasonFor(source: DocumentContent, options: IngestOptions = {}): Promise<string | undefined> {
  const { report, passages } = await take(source, options)
  expect(passages).toEqual([])
  expect(report.counts.skipped).toBe(1)
  return report.documents[0]?.reason
}

test('a PDF is read page by page, and cited so', async () => {
  const content = makePdf([['The lamp is lit', 'at dusk.', '', '', 'Oil comes on Mondays.'], ['The (spare) lamp.']])
  const { report, passages } = await take({ name: 'lamp.pdf', content }, { chunkTokens: 16 })
  expect(report.documents).toEqual([{ document: 'lamp.pdf', status: 'added', passages: 2 }])
  expect(passages.map((passage) => [passage?.page, passage?.text])).toEqual([
    [1, 'The lamp is lit\nat dusk.\n\nOil comes on Mondays.'],
    [2, 'The (spare) lamp.'],
  ])
})

test('a PDF by another name is told by its first bytes', async () => {
  const { passages } = await take({ name: 'report.txt', content: makePdf([['The lamp.']]) })
  expect(passages).toMatchObject([{ page: 1, text: 'The lamp.' }])
})

test('pages of a PDF without text are told; one without any is skipped, and so are locked, damaged and endless ones', async () => {
  const { report } = await take({ name: 'half.pdf', content: makePdf([['The lamp.'], [], ['Oil.']]) })
  expect(report.documents[0]?.warnings).toEqual(['no text on page 2'])
  expect(await reasonFor({ name: 'scan.pdf', content: makePdf([[], []]) })).toContain('scanned')
  expect(await reasonFor({ name: 'locked.pdf', content: makePdf([['x']], true) })).toBe(
    'encrypted: it opens with a password only',
  )
  expect(await reasonFor({ name: 'broken.pdf', content: '%PDF-1.4 and nothing more' })).toContain('no PDF that can be read')
  const long = { name: 'long.pdf', content: makePdf([['a'], ['b'], ['c']]) }
  expect(await reasonFor(long, { limits: { pages: 2 } })).toBe('3 pages, above the limit of 2')
})

test('a PDF is read from its file, beside other documents of the folder', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'opspawn-pdf-'))
  try {
    writeFileSync(join(folder, 'lamp.pdf'), makePdf([['The lamp is lit', 'at dusk.']]))
    writeFileSync(join(folder, 'oil.md'), 'Oil comes on Mondays.')
    const { report, passages } = await take(folder)
    expect(report.counts).toMatchObject({ added: 2, skipped: 0 })
    expect(passages).toMatchObject([{ document: 'lamp.pdf', page: 1, text: 'The lamp is lit\nat dusk.' }, { document: 'oil.md' }])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the bytes of the caller are left as they are', async () => {
  for (const content of [makePdf([['The lamp.']]), Buffer.from(makePdf([['The lamp.']]))]) {
    const copy = new Uint8Array(content)
    expect((await take({ name: 'lamp.pdf', content })).passages).toMatchObject([{ text: 'The lamp.' }])
    expect(new Uint8Array(content)).toEqual(copy)
  }
})

const UTF16 = new Uint8Array(Buffer.from('\uFEFFThe lamp of the café.', 'utf16le'))

test.each([
  ['UTF-8 with a mark', new TextEncoder().encode('\uFEFFThe lamp of the café.'), 'a.txt'],
  ['UTF-16', UTF16, 'a.txt'],
  ['UTF-16, the other way round', new Uint8Array(Buffer.from(UTF16).swap16()), 'a.txt'],
  [
    'what a page declares',
    new Uint8Array(Buffer.from('<meta charset="iso-8859-1"><p>The lamp of the café.', 'latin1')),
    'a.html',
  ],
])('%s is read', async (_, content, name) => {
  const { report, passages } = await take({ name, content })
  expect(passages).toMatchObject([{ text: 'The lamp of the café.' }])
  expect(report.documents[0]).not.toHaveProperty('warnings')
})

test('what is not whole is read and told; U+FFFD in a text is not a fault', async () => {
  const latin = await take({ name: 'a.md', content: new Uint8Array(Buffer.from('The caf\u00e9.', 'latin1')) })
  expect(latin.report.documents[0]).toMatchObject({ status: 'added', warnings: ['read, but its text is not whole UTF-8'] })
  const whole = await take({ name: 'a.md', content: 'The caf\uFFFD.' })
  expect(whole.report.documents[0]).not.toHaveProperty('warnings')
})

test.each([
  ['binary', { name: 'a.md', content: new Uint8Array([76, 0, 77]) }],
  ['empty', { name: 'a.md', content: ' \n\n' }],
  ['empty', { name: 'a.html', content: '<script>x()</script>' }],
  ['not Markdown, text, HTML or PDF', { name: 'a.png', content: 'x' }],
  ['not Markdown, text, HTML or PDF', { name: 'a.md', content: 'x', mediaType: 'image/png' }],
])('%s: %j is passed over', async (reason, source) => {
  expect(await reasonFor(source)).toBe(reason)
})

test('a media type counts more than the name', async () => {
  const { passages } = await take({ name: 'page', content: '<h1>Lamp</h1><p>Lit.', mediaType: 'Text/HTML; charset=utf-8' })
  expect(passages).toMatchObject([{ headings: ['Lamp'], text: 'Lit.' }])
})

test('lone surrogates and titles without end do no harm', async () => {
  const { passages } = await take({ name: 'a.md', content: `# ${'long '.repeat(200)}\n\nThe \ud800 lamp.` })
  expect(passages[0]?.headings[0]?.length).toBeLessThanOrEqual(200)
  expect(passages.at(-1)?.text.endsWith('long\n\nThe \uFFFD lamp.')).toBe(true)
})
