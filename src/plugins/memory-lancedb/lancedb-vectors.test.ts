import { expect, test } from 'vitest'
import type { Memory } from '../../core/index.ts'
import { fact, testEmbedder, textsOf } from '../../testing/memory-world.ts'
import { seededRandom } from '../../testing/seeded.ts'
import { makesVectorsAnew } from '../../../test/fixtures/file-memories.ts'
import { lancedbMemories } from '../../../test/fixtures/lancedb-memories.ts'
import { lancedbMemory } from './index.ts'

const { newPath, using } = lancedbMemories()

test('8: another embedder is refused with both named, or its vectors are made anew while words go on finding', async () => {
  const path = newPath()
  const one = testEmbedder('one', 8)
  const two = testEmbedder('two', 26)
  const scope = { tenant: 't' }
  await using({ path, embedder: one }, async (memory) => memory.bind(scope).append([fact('zebra crossing'), fact('apple tree')]))
  for (const [embedder, message] of [
    [two, /test\/one with 8.*test\/two/],
    [testEmbedder('one', 9), undefined],
  ] as const) {
    const dims = message === undefined ? 9 : undefined
    await using({ path, embedder, dims }, (memory) =>
      expect(memory.stats()).rejects.toMatchObject({
        code: 'MEMORY_MISMATCH',
        message: expect.stringMatching(message ?? /8 numbers.* 9/) as string,
      }),
    )
  }
  await using({ path, embedder: testEmbedder('one', 9) }, async (memory) => {
    await expect(memory.bind(scope).append([fact('x')])).rejects.toMatchObject({ code: 'MEMORY_MISMATCH' })
    await expect(memory.bind(scope).recall('x')).rejects.toMatchObject({ code: 'MEMORY_MISMATCH' })
  })
  await using({ path }, async (memory) => expect(textsOf(await memory.bind(scope).recall('zebra'))).toEqual(['zebra crossing']))
  await makesVectorsAnew((reembed) => lancedbMemory({ path, embedder: two, reembed }), scope)
})

test('a vector stays with its record through every change that leaves the text as it is', async () => {
  await using({ embedder: testEmbedder() }, async (memory) => {
    const handle = memory.bind({ tenant: 't' })
    await Promise.all([handle.append([fact('zebra', { id: 'a' })]), handle.append([fact('zinc', { id: 'b', supersedes: 'a' })])])
    await handle.update('b', { metadata: { n: 2 } })
    expect((await memory.stats()).pending).toBe(0)
    expect(textsOf(await handle.recall('zany'))).toEqual(['zinc'])
  })
})

test.each([24, 26])(
  'A1: above the limit an index of vectors of %i numbers is built and measured, and recall finds what comparing all finds',
  async (dims) => {
    const path = newPath()
    const random = seededRandom(5)
    const words = (): string =>
      Array.from({ length: 6 }, () => String.fromCharCode(97 + Math.floor(random() * 26)).repeat(3)).join(' ')
    const texts = Array.from({ length: 900 }, words)
    const queries = Array.from({ length: 10 }, words)
    const embedder = testEmbedder('letters', dims)
    const ask = async (memory: Memory): Promise<readonly (readonly string[])[]> => {
      const handle = memory.bind({ tenant: 't' })
      const answers: (readonly string[])[] = []
      for (const query of queries) answers.push(textsOf(await handle.recall(query)))
      return answers
    }
    const exact = await using({ path, embedder }, async (memory) => {
      const handle = memory.bind({ tenant: 't' })
      await handle.append(texts.map((text, at) => fact(text, { id: `${at}` })))
      await memory.maintain()
      expect((await memory.stats())['vectorIndex']).toBe(null)
      return ask(memory)
    })
    await using({ path, embedder, exactUpTo: 256 }, async (memory) => {
      await memory.maintain()
      expect((await memory.stats())['vectorIndex']).toMatchObject({ rows: 900, recall: expect.any(Number) as number })
      const found = await ask(memory)
      const shares = found.map((answer, at) => answer.filter((text) => exact[at]?.includes(text)).length / answer.length)
      expect(shares.reduce((sum, share) => sum + share, 0) / shares.length).toBeGreaterThanOrEqual(0.95)
      await memory.bind({ tenant: 't' }).append([fact(queries[0] as string, { id: 'new' })])
      expect((await memory.bind({ tenant: 't' }).recall(queries[0] as string)).items[0]?.record.id).toBe('new')
      await memory.bind({ tenant: 't' }).forget({ ids: ['new'] }, 'erase')
      expect(await ask(memory)).toHaveLength(10)
    })
    await using({ path, embedder, exactUpTo: 256 }, async (memory) =>
      expect((await memory.stats())['vectorIndex']).toMatchObject({ rows: 900 }),
    )
  },
)

test('A1: no index of vectors is built where many tenants have few each, and one is as soon as a tenant has many', async () => {
  await using({ embedder: testEmbedder(), exactUpTo: 256 }, async (memory) => {
    for (let tenant = 0; tenant < 10; tenant += 1)
      await memory.bind({ tenant: `${tenant}` }).append(Array.from({ length: 60 }, (_, at) => fact(`abc ${at}`)))
    await memory.maintain()
    expect((await memory.stats())['vectorIndex']).toBe(null)
    await memory.bind({ tenant: '7' }).append(Array.from({ length: 200 }, (_, at) => fact(`def ${at}`)))
    await memory.maintain()
    expect((await memory.stats())['vectorIndex']).toMatchObject({ rows: 800 })
  })
})
