import { assertEqual, assertRejects } from './assert.ts'
import { fact, idsOf, listAll, textsOf, linesOf, type MemoryCase } from './memory-world.ts'

/** Checks 13 and 14: expiry, validity, superseding, and the state of knowledge at a time. */
export const memoryTimeCases: readonly MemoryCase[] = [
  {
    name: '13: an entry is there until its last millisecond and not after, whoever asks, and upkeep removes it',
    async run({ memory, clock }) {
      if (!memory.capabilities.ttl) return
      const handle = memory.bind({ tenant: 't' })
      const end = clock.now() + 1000
      await handle.append([fact('the short one', { id: 'short', expiresAt: end }), fact('the long one', { id: 'long' })])
      await clock.advance(999)
      assertEqual(idsOf(await listAll(handle)), ['long', 'short'], 'ids in the last millisecond')
      assertEqual(textsOf(await handle.recall('short')), ['the short one'], 'recall in the last millisecond')
      await clock.advance(1)
      assertEqual(idsOf(await listAll(handle)), ['long'], 'ids at the boundary')
      assertEqual(await handle.get(['short']), [], 'get at the boundary')
      assertEqual(textsOf(await handle.recall('short')), [], 'recall at the boundary')
      assertEqual(textsOf(await handle.recall('short', { asOf: end - 1 })), [], 'recall as of an earlier time')
      await assertRejects(handle.update('short', { text: 'x' }), 'MEMORY_RECORD_UNKNOWN', 'an update of what expired')
      await memory.maintain()
      assertEqual((await memory.stats('t')).records, 1, 'records after upkeep')
      await handle.append([fact('again', { id: 'short' })])
      assertEqual((await handle.get(['short']))[0]?.text, 'again', 'the id is free')
    },
  },
  {
    name: '13: an update moves the end, and null takes it away',
    async run({ memory, clock }) {
      if (!memory.capabilities.ttl) return
      const handle = memory.bind({ tenant: 't' })
      const end = clock.now() + 1000
      await handle.append(['a', 'b'].map((id) => fact(id, { id, expiresAt: end })))
      await handle.update('a', { expiresAt: null })
      await handle.update('b', { expiresAt: end + 1000 })
      await clock.advance(1500)
      assertEqual(idsOf(await listAll(handle)), ['a', 'b'], 'ids past the first end')
      await clock.advance(500)
      assertEqual(idsOf(await listAll(handle)), ['a'], 'ids past the second end')
    },
  },
  {
    name: '14: what is superseded is hidden from recall, shown as of an earlier time, and kept',
    async run({ memory, clock }) {
      const handle = memory.bind({ tenant: 't' })
      await handle.append([fact('Ada lives in Bergen', { id: 'old' })])
      const before = clock.now()
      await clock.advance(1000)
      await handle.append([fact('Ada lives in Tromsø', { id: 'new', supersedes: 'old' })])
      const at = clock.now()
      await clock.advance(1000)
      assertEqual(textsOf(await handle.recall('where Ada lives')), ['Ada lives in Tromsø'], 'recall now')
      for (const asOf of [before, at - 1])
        assertEqual(textsOf(await handle.recall('where Ada lives', { asOf })), ['Ada lives in Bergen'], `recall as of ${asOf}`)
      assertEqual(
        textsOf(await handle.recall('where Ada lives', { asOf: at })),
        ['Ada lives in Tromsø'],
        'recall as of the change',
      )
      assertEqual(textsOf(await handle.recall('where Ada lives', { asOf: before - 1 })), [], 'recall as of a time before both')
      const [old] = await handle.get(['old'])
      assertEqual([old?.supersededBy, old?.supersededAt, old?.version], ['new', at, 2], 'the old record')
      const texts = (await linesOf(memory.export('t'))).flatMap((line) => (line['type'] === 'record' ? [line['text']] : []))
      assertEqual(texts, ['Ada lives in Bergen', 'Ada lives in Tromsø'], 'texts in the export')
    },
  },
  {
    name: '14: superseding twice, or what is not there, is refused and writes nothing',
    async run({ memory }) {
      const handle = memory.bind({ tenant: 't' })
      await handle.append([fact('first', { id: 'a' })])
      await handle.append([fact('second', { id: 'b', supersedes: 'a' })])
      assertEqual(
        (await handle.append([fact('second', { id: 'b', supersedes: 'a' })])).outcomes[0]?.status,
        'duplicate',
        'the repetition',
      )
      await assertRejects(handle.append([fact('third', { id: 'c', supersedes: 'a' })]), 'MEMORY_CONFLICT', 'superseding twice')
      await assertRejects(
        handle.append([fact('fine'), fact('x', { supersedes: 'none' })]),
        'MEMORY_RECORD_UNKNOWN',
        'superseding nothing',
      )
      await memory.bind({ tenant: 'u' }).append([fact('theirs', { id: 'theirs' })])
      await assertRejects(
        handle.append([fact('x', { supersedes: 'theirs' })]),
        'MEMORY_RECORD_UNKNOWN',
        "superseding another scope's",
      )
      const race = await Promise.allSettled(['x', 'y'].map((id) => handle.append([fact(id, { id, supersedes: 'b' })])))
      assertEqual(race.filter((one) => one.status === 'fulfilled').length, 1, 'of two that supersede one, those that do')
      assertEqual((await listAll(handle)).length, 3, 'records')
    },
  },
  {
    name: '14: what is not valid yet, or no more, is left out of recall, and shown as of a time when it is',
    async run({ memory, clock }) {
      const handle = memory.bind({ tenant: 't' })
      const now = clock.now()
      await handle.append([
        fact('the museum is closed', { id: 'now', validFrom: now, validTo: now + 1000 }),
        fact('the museum is open', { id: 'later', validFrom: now + 1000 }),
      ])
      assertEqual(textsOf(await handle.recall('museum')), ['the museum is closed'], 'recall now')
      assertEqual(textsOf(await handle.recall('museum', { asOf: now + 1000 })), ['the museum is open'], 'recall as of later')
      await clock.advance(1000)
      assertEqual(textsOf(await handle.recall('museum')), ['the museum is open'], 'recall later')
      assertEqual((await listAll(handle)).length, 2, 'records in the listing')
    },
  },
  {
    name: '14: a clock that goes back loses nothing, and places rise all the same',
    async run({ memory, clock }) {
      const handle = memory.bind({ tenant: 't' })
      await handle.append([
        fact('lantern one', { id: 'a', occurredAt: clock.now() + 60_000 }),
        fact('lantern old', { id: 'old' }),
      ])
      clock.leap(-3_600_000)
      await handle.append([fact('lantern two', { id: 'b', occurredAt: clock.now() - 60_000 })])
      await handle.append([fact('lantern new', { id: 'new', supersedes: 'old' })])
      assertEqual((await handle.append([fact('lantern old', { id: 'old' })])).outcomes[0]?.status, 'duplicate', 'a repetition')
      await handle.update('a', { metadata: { n: 1 } })
      clock.leap(-1)
      await handle.append([fact('lantern short', { id: 'short', expiresAt: clock.now() + 1000 })])
      await memory.maintain()
      const records = await listAll(handle)
      assertEqual(
        records.map(({ id, seq }) => [id, seq]),
        ['a', 'old', 'b', 'new', 'short'].map((id, at) => [id, at + 1]),
        'records, in the order of recording',
      )
      const expected = ['lantern new', 'lantern one', 'lantern short', 'lantern two']
      assertEqual(textsOf(await handle.recall('lantern')).toSorted(), expected, 'recall')
      assertEqual(textsOf(await handle.recall('')).toSorted(), expected, 'recall without words')
    },
  },
]
