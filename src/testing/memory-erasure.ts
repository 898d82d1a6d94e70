import { assert, assertEqual, assertRejects } from './assert.ts'
import { fact, idsOf, linesOf, listAll, textsOf, type MemoryCase } from './memory-world.ts'

/** Checks 23 (as far as one can see from outside) and 24: forgetting. */
export const memoryErasureCases: readonly MemoryCase[] = [
  {
    name: '23: what is forgotten, softly or for good, is in no call, listing, recall or export, and its id is free',
    async run({ memory }) {
      const modes = memory.capabilities.erase ? (['soft', 'erase'] as const) : (['soft'] as const)
      for (const mode of modes) {
        const handle = memory.bind({ tenant: mode })
        await handle.append(['a', 'b', 'c', 'd'].map((id) => fact(`walnut ${id}`, { id, metadata: { id } })))
        const receipt = await handle.forget({ ids: ['a', 'nothing'] }, mode)
        assertEqual(receipt, { count: 1, verified: mode === 'erase' }, 'the receipt')
        await handle.forget({ filter: { op: 'eq', field: 'metadata.id', value: 'b' } }, mode)
        assertEqual(idsOf(await listAll(handle)), ['c', 'd'], 'ids in the listing')
        assertEqual(await handle.get(['a', 'b']), [], 'get')
        assertEqual(textsOf(await handle.recall('walnut')).toSorted(), ['walnut c', 'walnut d'], 'recall')
        const text = JSON.stringify(await linesOf(memory.export(mode)))
        assert(!text.includes('walnut a') && !text.includes('walnut b'), 'the export has nothing of it')
        assertEqual((await handle.append([fact('another', { id: 'a' })])).outcomes[0]?.status, 'inserted', 'the id again')
        assertEqual((await handle.forget('all', mode)).count, 3, 'all that is left')
        await memory.maintain()
        assertEqual((await memory.stats(mode)).records, 0, 'records')
        assertEqual((await handle.forget('all', mode)).count, 0, 'nothing left')
      }
    },
  },
  {
    name: '23: a summary goes with what it was made of',
    async run({ memory }) {
      const handle = memory.bind({ tenant: 't' })
      await handle.append([
        fact('raw one', { id: '1' }),
        fact('raw two', { id: '2' }),
        { id: 's', kind: 'summary', text: 'both', source: { ids: ['1', '2'] } },
        { id: 'ss', kind: 'summary', text: 'of the summary', source: { ids: ['s'] } },
        { id: 'other', kind: 'summary', text: 'of another', source: { ids: ['2'] } },
        { id: 'cites', kind: 'fact', text: 'no summary', source: { ids: ['1'] } },
      ])
      assertEqual((await handle.forget({ ids: ['1'] }, 'soft')).count, 3, 'records forgotten')
      assertEqual(idsOf(await listAll(handle)), ['2', 'cites', 'other'], 'ids left')
    },
  },
  {
    name: '24: erasing while others read breaks nothing, and afterwards nothing stale is read',
    async run({ memory }) {
      const mode = memory.capabilities.erase ? 'erase' : 'soft'
      const handle = memory.bind({ tenant: 't' })
      await handle.append(Array.from({ length: 50 }, (_, at) => fact(`pepper ${at}`, { id: `id ${at}` })))
      const page = await handle.list({ limit: 10 })
      const reads = Array.from({ length: 10 }, () => handle.recall('pepper'))
      const erased = handle.forget({ filter: { op: 'contains', field: 'text', value: '1' } }, mode)
      const appended = handle.append([fact('pepper new', { id: 'new' })])
      await Promise.all([...reads, erased, appended])
      const left = (await listAll(handle)).map((record) => record.text)
      assert(!left.some((text) => text.includes('1')) && left.includes('pepper new'), `what is left: ${left.join(', ')}`)
      const rest = await handle.list({ limit: 100, ...(page.cursor !== undefined && { cursor: page.cursor }) })
      assert(!rest.records.some((record) => record.text.includes('1')), 'a listing that goes on shows nothing that was erased')
      const found = await handle.recall('pepper', { budget: { items: 1000, tokens: 100_000 } })
      assert(!textsOf(found).some((text) => text.includes('1')), 'recall shows nothing that was erased')
    },
  },
  {
    name: 'forgetting needs to be told what and how',
    async run({ memory }) {
      const handle = memory.bind({ tenant: 't' })
      await handle.append([fact('kept', { id: 'kept' })])
      const wrong: readonly unknown[] = [
        undefined,
        null,
        {},
        [],
        '',
        '*',
        'kept',
        { ids: 'kept' },
        { ids: undefined },
        { filter: undefined },
        { ids: [''] },
        { ids: ['kept'], filter: { op: 'and', filters: [] } },
        { scope: 't' },
      ]
      for (const what of wrong)
        await assertRejects(handle.forget(what as 'all', 'soft'), 'MEMORY_INPUT_INVALID', `forget ${JSON.stringify(what)}`)
      for (const mode of [undefined, '', 'hard'] as readonly unknown[])
        await assertRejects(handle.forget('all', mode as 'soft'), 'MEMORY_INPUT_INVALID', `mode ${String(mode)}`)
      assertEqual((await handle.forget({ ids: [] }, 'soft')).count, 0, 'an empty list')
      assertEqual(idsOf(await listAll(handle)), ['kept'], 'ids')
    },
  },
]
