import type { JsonObject } from '../core/index.ts'
import { assert, assertEqual, assertRejects } from './assert.ts'
import { asLines, fact, linesOf, listAll, textsOf, type MemoryCase } from './memory-world.ts'

/** Check 25: export and import. */
export const memoryTransferCases: readonly MemoryCase[] = [
  {
    name: '25: an export that was imported elsewhere is exported the same, but for the header',
    async run({ memory, open, clock }) {
      for (const session of ['a', 'b', 'c/d', 'é']) {
        const handle = memory.bind({ tenant: 't', session })
        await handle.append(
          Array.from({ length: 70 }, (_, at) => fact(`sparrow ${at} of ${session}`, { id: `id ${at}`, metadata: { at } })),
        )
        await clock.advance(1000)
        await handle.append([fact('later', { id: 'new', supersedes: 'id 3' })])
        await handle.update('id 4', { text: 'changed', metadata: null })
        await handle.forget({ ids: ['id 5'] }, 'soft')
      }
      await memory.bind({ tenant: 'other' }).append([fact('not to be exported')])
      const lines = await linesOf(memory.export('t'))
      assertEqual([lines[0]?.['type'], lines.at(-1)?.['type'], lines.length], ['header', 'end', 4 * 70 + 2], 'the frame')
      const copy = await open()
      assertEqual(await copy.import(asLines(lines)), { imported: 280 }, 'the import')
      const written = (some: readonly unknown[]): readonly string[] => some.slice(1).map((line) => JSON.stringify(line))
      assertEqual(written(await linesOf(copy.export('t'))), written(lines), 'the second export, byte for byte')
      assertEqual(await copy.import(asLines(lines)), { imported: 0 }, 'the import once more')
      const scope = { tenant: 't', session: 'c/d' }
      assertEqual(await listAll(copy.bind(scope)), await listAll(memory.bind(scope)), 'the listing')
      assertEqual(
        textsOf(await copy.bind(scope).recall('sparrow 12')),
        textsOf(await memory.bind(scope).recall('sparrow 12')),
        'recall',
      )
      await copy.bind(scope).append([fact('goes on', { id: 'on' })])
      assertEqual((await copy.bind(scope).get(['on']))[0]?.seq, 72, 'the next place')
    },
  },
  {
    name: '25: a record of several megabytes goes out and in',
    async run({ memory, open }) {
      const content = { parts: Array.from({ length: 3 }, () => 'é'.repeat(1_000_000)) }
      await memory.bind({ tenant: 't' }).append([fact('large', { id: 'a', content })])
      const lines = await linesOf(memory.export('t'))
      const copy = await open()
      assertEqual(await copy.import(asLines(lines)), { imported: 1 }, 'the import')
      assert(JSON.stringify((await linesOf(copy.export('t')))[1]) === JSON.stringify(lines[1]), 'the second export is the first')
    },
  },
  {
    name: '25: an import that broke off goes on where it was',
    async run({ memory, open }) {
      await memory.bind({ tenant: 't' }).append(Array.from({ length: 30 }, (_, at) => fact(`item ${at}`)))
      const lines = await linesOf(memory.export('t'))
      const copy = await open()
      await assertRejects(copy.import(asLines(lines.slice(0, 12))), 'MEMORY_INPUT_INVALID', 'an export without its end')
      const { imported } = await copy.import(asLines(lines))
      assert(imported <= 30, `${imported} records were imported`)
      assertEqual((await linesOf(copy.export('t'))).slice(1), lines.slice(1), 'the export afterwards')
    },
  },
  {
    name: '25: damaged, foreign and conflicting lines are refused',
    async run({ memory, open }) {
      await memory.bind({ tenant: 't' }).append([fact('one', { id: 'a' }), fact('two', { id: 'b' })])
      const [header, first, second, end] = (await linesOf(memory.export('t'))) as [JsonObject, JsonObject, JsonObject, JsonObject]
      const copy = await open()
      const wrong: readonly (readonly [
        what: string,
        code: 'MEMORY_MISMATCH' | 'MEMORY_INPUT_INVALID' | 'JSON_INVALID',
        lines: readonly unknown[],
      ])[] = [
        ['no header', 'MEMORY_MISMATCH', [first, second, end]],
        ['another format', 'MEMORY_MISMATCH', [{ ...header, format: 'x' }]],
        ['a newer version', 'MEMORY_MISMATCH', [{ ...header, version: 99 }]],
        ['nothing', 'MEMORY_INPUT_INVALID', []],
        ['a changed text', 'MEMORY_INPUT_INVALID', [header, { ...first, text: 'forged' }, second, end]],
        ['a missing line', 'MEMORY_INPUT_INVALID', [header, first, end]],
        ['another tenant', 'MEMORY_INPUT_INVALID', [header, { ...first, scope: { tenant: 'victim' } }, second, end]],
        ['a line behind the end', 'MEMORY_INPUT_INVALID', [header, first, second, end, first]],
        ['no object', 'MEMORY_INPUT_INVALID', [header, 'text']],
        ['what is not JSON', 'JSON_INVALID', [header, { ...first, text: () => 'x' }]],
      ]
      for (const [what, code, lines] of wrong)
        await assertRejects(copy.import(asLines(lines as readonly JsonObject[])), code, what)
      for (const lines of [undefined, null, 7, {}, 'x', []] as readonly unknown[])
        await assertRejects(copy.import(lines as AsyncIterable<JsonObject>), 'MEMORY_INPUT_INVALID', `lines ${String(lines)}`)
      const scopes = [undefined, 't', {}, { tenant: 't', session: '' }, { tenant: 't', thread: 'x' }].map((scope) => ({ scope }))
      const others = [{ seq: 0 }, { seq: 1.5 }, { version: '1' }, { createdAt: null }, { supersededBy: '' }, { contentHash: 'x' }]
      for (const bad of [...scopes, ...others]) {
        const damaged = asLines([header, { ...first, ...bad } as JsonObject, second, end])
        const error = await assertRejects(copy.import(damaged), 'MEMORY_INPUT_INVALID', `a record with ${JSON.stringify(bad)}`)
        assert(error.message.startsWith(`line 2/${Object.keys(bad)[0]}`), `the message names the place: ${error.message}`)
      }
      assertEqual((await listAll(copy.bind({ tenant: 'victim' }))).length, 0, 'records of the other tenant')
      const taken = await open()
      await taken.bind({ tenant: 't' }).append([fact('mine', { id: 'a' })])
      await assertRejects(taken.import(asLines([header, first, second, end])), 'MEMORY_CONFLICT', 'an id that is taken')
      assertEqual((await taken.bind({ tenant: 't' }).get(['a']))[0]?.text, 'mine', 'the record that was there')
    },
  },
]
