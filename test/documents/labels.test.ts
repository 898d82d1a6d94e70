/** Labels of documents: what a run that recalls them has seen. */
import { expect, test } from 'vitest'
import type { MemoryHandle } from '../../src/core/index.ts'
import { ingest, type IngestOptions } from '../../src/documents/index.ts'
import { inProcessMemory } from '../../src/plugins/memory-in-process/index.ts'

const SOURCE = { name: 'house.md', content: '# House\n\nThe lamp is lit at dusk.\n' }

async function labelsIn(handle: MemoryHandle): Promise<readonly unknown[]> {
  const { records } = await handle.list({ limit: 1000 })
  return records.map(({ metadata = {} }) => ('opspawn.labels' in metadata ? metadata['opspawn.labels'] : 'not said'))
}

test('labels are stored with each passage; without them nothing is said', async () => {
  for (const [labels, stored] of [
    [undefined, 'not said'],
    [[], ''],
    [['private'], 'private'],
    [['untrusted', 'private', 'untrusted'], 'private untrusted'],
  ] as const) {
    const handle = inProcessMemory().bind({ tenant: 'acme' })
    await ingest(handle, SOURCE, { labels })
    expect(await labelsIn(handle)).toEqual([stored])
  }
})

test('with other labels documents are written anew, with the same ones passed over', async () => {
  const handle = inProcessMemory().bind({ tenant: 'acme' })
  const counts = async (options: IngestOptions): Promise<unknown> => (await ingest(handle, SOURCE, options)).counts
  expect(await counts({})).toMatchObject({ added: 1 })
  expect(await counts({ labels: [] })).toMatchObject({ changed: 1, unchanged: 0 })
  expect(await counts({ labels: [] })).toMatchObject({ changed: 0, unchanged: 1 })
  expect(await labelsIn(handle)).toEqual([''])
  expect(await counts({ labels: ['private', 'untrusted'] })).toMatchObject({ changed: 1 })
  expect(await counts({ labels: ['untrusted', 'private'] })).toMatchObject({ unchanged: 1 })
  expect(await counts({})).toMatchObject({ changed: 1 })
  expect(await labelsIn(handle)).toEqual(['not said'])
})

test.each([['private'], [null], [['outbound']], [['']], [['private untrusted']], [[undefined]], [{}]])(
  'labels %j are refused',
  async (labels) => {
    const handle = inProcessMemory().bind({ tenant: 'acme' })
    await expect(ingest(handle, SOURCE, { labels } as never)).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining('labels'),
    })
    expect(await labelsIn(handle)).toEqual([])
  },
)
