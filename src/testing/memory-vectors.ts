import { assert, assertEqual, assertRejects } from './assert.ts'
import { asLines, fact, linesOf, listAll, testEmbedder, textsOf, type MemoryCase } from './memory-world.ts'

/** Checks 7, 12 and 18: vectors, where a memory uses an embedder. */
export const memoryVectorCases: readonly MemoryCase[] = [
  {
    name: '7: vectors of the wrong size, with a number that is none, or without a direction are refused, and nothing is stored',
    async run({ open }) {
      const embedder = testEmbedder()
      const memory = await open({ embedder })
      if (!memory.capabilities.vector) return
      const handle = memory.bind({ tenant: 't' })
      await handle.append([fact('sound', { id: 'sound' })])
      const faults: Readonly<Record<string, (vector: number[]) => unknown>> = {
        short: (vector) => vector.slice(1),
        long: (vector) => [...vector, 1],
        empty: () => [],
        nan: (vector) => [...vector.slice(1), Number.NaN],
        infinite: (vector) => [...vector.slice(1), Number.POSITIVE_INFINITY],
        'infinite below zero': (vector) => [...vector.slice(1), Number.NEGATIVE_INFINITY],
        'too long to be measured': (vector) => vector.map(() => 1e200),
        zero: (vector) => vector.map(() => 0),
        sparse: (vector) => Array.from<number>({ length: vector.length }).fill(1, 1),
        'a list with a hole': (vector) => Object.assign(Array(vector.length), vector.slice(1)),
        texts: (vector) => vector.map(String),
        'a text': () => 'vector',
        nested: (vector) => [vector],
        'lists of one number': (vector) => vector.map((number) => [number]),
        'whole numbers of another type': (vector) => BigInt64Array.from(vector, () => 1n),
        'like a list': (vector) => Object.assign({}, vector, { length: vector.length }),
        nothing: () => undefined,
      }
      for (const [name, fault] of Object.entries(faults)) {
        embedder.fault = (vectors) => vectors.map((vector, at) => (at === vectors.length - 1 ? fault(vector) : vector))
        const call = handle.append([fact(`first ${name}`), fact(`bad ${name}`)])
        const error = await assertRejects(call, 'MODEL_ANSWER_INVALID', `a vector that is ${name}`)
        assert(error.message.includes('vector 1'), `the message names the vector: ${error.message}`)
      }
      const answers: Readonly<Record<string, (vectors: number[][]) => unknown>> = {
        'too few': (vectors) => vectors.slice(1),
        'too many': (vectors) => [...vectors, ...vectors],
        nothing: () => [],
        none: () => undefined,
        'a text': () => 'x',
      }
      for (const [name, answer] of Object.entries(answers)) {
        embedder.fault = answer
        await assertRejects(handle.append([fact('a'), fact('b')]), 'MODEL_ANSWER_INVALID', `an answer with ${name}`)
      }
      embedder.fault = undefined
      assertEqual(
        (await listAll(handle)).map((record) => record.id),
        ['sound'],
        'records',
      )
      assertEqual((await memory.stats('t')).records, 1, 'records told')
    },
  },
  {
    name: '7: vectors of 32 or 64 bits in one block are used as lists are',
    async run({ open }) {
      for (const block of [Float32Array, Float64Array]) {
        const embedder = testEmbedder()
        embedder.fault = (vectors) => vectors.map((vector) => block.from(vector))
        const memory = await open({ embedder })
        if (!memory.capabilities.vector) return
        const handle = memory.bind({ tenant: 't' })
        await handle.append([fact('zebras zigzag'), fact('apples and apricots')])
        const { items, degraded } = await handle.recall('zany zoo')
        assertEqual([items[0]?.record.text, degraded], ['zebras zigzag', []], `the nearest, by ${block.name}`)
      }
    },
  },
  {
    name: '7: an update, an import and upkeep refuse such vectors too, and change nothing',
    async run({ open }) {
      const embedder = testEmbedder()
      const memory = await open({ embedder })
      if (!memory.capabilities.vector) return
      const handle = memory.bind({ tenant: 't' })
      await handle.append([fact('zebra crossing', { id: 'a' })])
      const source = await open()
      await source.bind({ tenant: 't' }).append([fact('from elsewhere', { id: 'b' })])
      const lines = await linesOf(source.export('t'))
      embedder.fault = () => {
        throw new Error('embedder down')
      }
      await handle.append([fact('pending', { id: 'p' })])
      const before = await linesOf(memory.export('t'))
      embedder.fault = (vectors) => vectors.map((vector) => vector.slice(1))
      await assertRejects(handle.update('a', { text: 'quokka' }), 'MODEL_ANSWER_INVALID', 'an update')
      await assertRejects(memory.import(asLines(lines)), 'MODEL_ANSWER_INVALID', 'an import')
      await assertRejects(memory.maintain(), 'MODEL_ANSWER_INVALID', 'upkeep')
      assertEqual(await linesOf(memory.export('t')), before, 'the export')
      assertEqual((await memory.stats('t')).pending, 1, 'records without a vector')
      embedder.fault = undefined
      await memory.maintain()
      await memory.import(asLines(lines))
      assertEqual((await memory.stats('t')).pending, 0, 'records without a vector, once the embedder is well')
    },
  },
  {
    name: '12: recall finds by vector at once what shares no word with the query',
    async run({ open }) {
      const memory = await open({ embedder: testEmbedder() })
      if (!memory.capabilities.vector) return
      const handle = memory.bind({ tenant: 't' })
      await handle.append([fact('zebras zigzag'), fact('apples and apricots'), fact('melons mellow')])
      const { items } = await handle.recall('zany zoo')
      assertEqual(items[0]?.record.text, 'zebras zigzag', 'the nearest')
      assert((items[0]?.parts['vector'] ?? 0) > 0, 'its score has a part of the vector leg')
      await handle.update(items[0]?.record.id as string, { text: 'quiet quails' })
      assertEqual(textsOf(await handle.recall('quick question'))[0], 'quiet quails', 'the nearest after an update')
      const other = memory.bind({ tenant: 'u' })
      assertEqual(textsOf(await other.recall('zany zoo')), [], 'what another tenant sees')
    },
  },
  {
    name: '18: while the embedder is down recall answers by words and says so, or fails if it must be whole',
    async run({ open }) {
      const embedder = testEmbedder()
      const memory = await open({ embedder })
      if (!memory.capabilities.vector) return
      const handle = memory.bind({ tenant: 't' })
      await handle.append([fact('the lighthouse keeper')])
      embedder.fault = () => {
        throw new Error('embedder down')
      }
      const found = await handle.recall('lighthouse by night')
      assertEqual([textsOf(found), found.degraded], [['the lighthouse keeper'], ['vector']], 'the answer')
      await assertRejects(handle.recall('lighthouse at noon', { strict: true }), 'MEMORY_FAILED', 'a strict recall')
      await handle.append([fact('a lighthouse at sea', { id: 'pending' })])
      const stats = await memory.stats('t')
      assertEqual([stats.records, stats.pending], [2, 1], 'records, and those without a vector')
      assert(stats.failures > 0, 'failures are told')
      await memory.maintain()
      embedder.fault = undefined
      await memory.maintain()
      assertEqual((await memory.stats('t')).pending, 0, 'records without a vector after upkeep')
      const whole = await handle.recall('aloof lions at sunset', { strict: true })
      assert(textsOf(whole).includes('a lighthouse at sea'), 'the pending record is found by vector')
      assertEqual(whole.degraded, [], 'legs that failed')
    },
  },
  {
    name: '18: an answer of the embedder that cannot be used fails a recall no more than an outage does',
    async run({ open }) {
      const embedder = testEmbedder()
      const memory = await open({ embedder })
      if (!memory.capabilities.vector) return
      const handle = memory.bind({ tenant: 't' })
      await handle.append([fact('the lighthouse keeper')])
      const { failures } = await memory.stats()
      const answers: readonly unknown[] = [[[1]], [[]], [], undefined, 'x', [['1']], [Array.from({ length: 26 }, () => 0)]]
      for (const [at, answer] of answers.entries()) {
        embedder.fault = () => answer
        const found = await handle.recall(`lighthouse ${at}`)
        assertEqual([textsOf(found), found.degraded], [['the lighthouse keeper'], ['vector']], `answer ${at}`)
        const strict = handle.recall(`a lighthouse ${at}`, { strict: true })
        await assertRejects(strict, 'MODEL_ANSWER_INVALID', `answer ${at} to a strict recall`)
      }
      assert((await memory.stats()).failures >= failures + answers.length, 'failures are told')
    },
  },
]
