import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fact, textsOf } from '../../testing/memory-world.ts'
import { lancedbMemories } from '../../../test/fixtures/lancedb-memories.ts'

const { newPath, using } = lancedbMemories()

function bytesOf(path: string): string {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .flatMap((file) => (file.isFile() ? [readFileSync(join(file.parentPath, file.name), 'latin1')] : []))
    .join('\n')
}

test('23: one of hundreds is erased from data, indexes and old versions; a soft forgetting goes with upkeep', async () => {
  const path = newPath()
  await using({ path }, async (memory) => {
    const handle = memory.bind({ tenant: 't', user: 'u' })
    await handle.append(Array.from({ length: 400 }, (_, at) => fact(`ordinary sentence number ${at}`)))
    await handle.append([
      fact('the marker-one is purplefish', { id: 'id-marker-one', metadata: { secret: 'marker-value' } }),
      fact('marker-two', { id: 'b' }),
    ])
    await handle.append([fact('twice said text', { id: 'twice' })])
    await memory.bind({ tenant: 'other' }).append([fact('twice said text')])
    await memory.bind({ tenant: 'other' }).append([fact('an answer', { content: { quotes: 'quoted elsewhere too' } })])
    await handle.append([fact('quoted elsewhere too', { id: 'quoted' })])
    await handle.update('b', { text: 'two, marker-changed' })
    await memory.maintain()
    await handle.update('b', { text: 'two, marker-changed again' })
    expect(bytesOf(path)).toContain('marker-one')
    // What is in an index is packed, and cannot be looked for: that none of before is left is what can be seen.
    const indexes = readdirSync(join(path, 'records.lance', '_indices'))
    expect(await handle.forget({ ids: ['id-marker-one'] }, 'erase')).toEqual({ count: 1, verified: true })
    for (const marker of ['marker-one', 'marker-value', 'marker-two', 'purplefish']) expect(bytesOf(path)).not.toContain(marker)
    expect(readdirSync(join(path, 'records.lance', '_indices')).filter((name) => indexes.includes(name))).toEqual([])
    expect(await handle.forget({ ids: ['twice', 'quoted'] }, 'erase')).toEqual({ count: 2, verified: true })
    await handle.forget({ ids: ['b'] }, 'soft')
    expect(bytesOf(path)).toContain('marker-changed')
    await memory.maintain()
    expect(bytesOf(path)).not.toContain('marker-changed')
    expect((await memory.stats('t')).records).toBe(400)
    expect(textsOf(await handle.recall('sentence 17', { budget: { items: 1 } }))).toEqual(['ordinary sentence number 17'])
  })
})

test('23: what one memory forgets is removed by the upkeep of another, and of one that is opened later', async () => {
  const path = newPath()
  await using({ path }, async (one) => {
    const handle = one.bind({ tenant: 't' })
    await handle.append(Array.from({ length: 50 }, (_, at) => fact(`ordinary sentence number ${at}`)))
    await handle.append(['first', 'second', 'third'].map((id) => fact(`marker-${id} said`, { id })))
    await one.maintain()
    await using({ path }, async (two) => {
      await two.bind({ tenant: 't' }).forget({ ids: ['first'] }, 'soft')
      expect(bytesOf(path)).toContain('marker-first')
      await one.maintain()
      expect(bytesOf(path)).not.toContain('marker-first')
      await two.bind({ tenant: 't' }).update('third', { text: 'changed' })
      expect(bytesOf(path)).toContain('marker-third')
      await one.maintain()
      expect(bytesOf(path)).not.toContain('marker-third')
    })
    await handle.forget({ ids: ['second'] }, 'soft')
  })
  expect(bytesOf(path)).toContain('marker-second')
  await using({ path }, async (later) => {
    await later.maintain()
    expect(bytesOf(path)).not.toContain('marker-second')
    // Where nothing was forgotten nothing is written anew.
    const indexes = (): readonly string[] => readdirSync(join(path, 'records.lance', '_indices'))
    const before = indexes()
    await later.maintain()
    expect(indexes()).toEqual(before)
  })
})
