import type { MemoryEntry } from '../core/index.ts'
import { assert, assertEqual, assertRejects } from './assert.ts'
import { fact, testEmbedder, textsOf, type MemoryCase } from './memory-world.ts'
import { seededRandom, shuffled } from './seeded.ts'

const TURNS = [
  'Good morning, how was the trip to the mountains?',
  'Wonderful. We stayed in a hut above the lake.',
  'Did you see any wildlife there?',
  'Yes, two moose and an eagle near the water.',
  'My sister Olga bought a red bicycle last week.',
  'That must have been expensive.',
  'She paid 420 euros at the market in Graz.',
]

/** Checks 15 and 16, and what recall finds. */
export const memoryRecallCases: readonly MemoryCase[] = [
  {
    name: 'recall finds by words in any form, script and case, the best first',
    async run({ memory }) {
      if (!memory.capabilities.lexical) return
      const handle = memory.bind({ tenant: 't' })
      const texts = [
        'She was planning two journeys',
        'El niño comió una piña',
        '東京タワーに登りました',
        'Погода в Осло хорошая',
        'nothing of the kind',
      ]
      await handle.append(texts.map((text) => fact(text)))
      const expected: readonly (readonly [query: string, text: string])[] = [
        ['plan a JOURNEY', 'She was planning two journeys'],
        ['nino pina', 'El niño comió una piña'],
        ['東京タワー', '東京タワーに登りました'],
        ['погода ОСЛО', 'Погода в Осло хорошая'],
      ]
      for (const [query, text] of expected) assertEqual(textsOf(await handle.recall(query))[0], text, `best for ${query}`)
      assertEqual(textsOf(await handle.recall('unrelated zeppelin')), [], 'what fits nothing')
    },
  },
  {
    name: 'recall without words gives the latest',
    async run({ memory, clock }) {
      const handle = memory.bind({ tenant: 't' })
      for (let at = 0; at < 5; at += 1) {
        await handle.append([fact(`note number ${at}`)])
        await clock.advance(1000)
      }
      for (const when of ['before', 'after']) {
        for (const query of ['', '  \n', '?!'])
          assertEqual(
            textsOf(await handle.recall(query, { budget: { items: 2 } })),
            ['note number 4', 'note number 3'],
            `latest for ${JSON.stringify(query)}, ${when} upkeep`,
          )
        await memory.maintain()
      }
    },
  },
  {
    name: 'recall gives what stands beside a turn that fits, and neighbours as asked',
    async run({ memory }) {
      if (!memory.capabilities.lexical) return
      const handle = memory.bind({ tenant: 't', session: 's' })
      await handle.append(TURNS.map((text): MemoryEntry => ({ kind: 'message', role: 'user', text })))
      const found = textsOf(await handle.recall('wildlife'))
      assertEqual(found[0], TURNS[2], 'the turn with the word')
      assert(found.includes(TURNS[3] as string), 'the answer behind the question is among the recalled')
      const { items } = await handle.recall('bicycle', { budget: { items: 3 }, context: { before: 1, after: 1 } })
      assertEqual(
        items.map((item) => item.record.seq).toSorted((left, right) => left - right),
        [4, 5, 6],
        'places of a turn and its neighbours',
      )
      for (const { score, parts } of items) {
        assert(score >= 0 && score <= 1, `a score is from 0 to 1, found ${score}`)
        assert(Object.keys(parts).length > 0, 'every item tells the parts of its score')
      }
    },
  },
  {
    name: 'recall says one thing once',
    async run({ memory }) {
      const handle = memory.bind({ tenant: 't' })
      const text = 'The office in Vienna opens at eight and closes at six on every working day of the week'
      await handle.append([
        fact(text, { id: 'a' }),
        fact(text, { id: 'b' }),
        fact(`${text}!`, { id: 'c' }),
        fact('Vienna has an office', { id: 'd' }),
      ])
      assertEqual((await handle.recall('office Vienna')).items.length, 2, 'items')
    },
  },
  {
    name: '15: recall keeps to the budget of tokens and items, however tokens are counted, and tells what it cut',
    async run({ open }) {
      const counters: readonly ((text: string) => number)[] = [
        (text) => text.length,
        (text) => Math.ceil(text.length / 4) + 8,
        (text) => text.split(' ').length * 1.3,
        () => 7,
      ]
      const random = seededRandom(15)
      const entries = Array.from({ length: 40 }, (_, at) =>
        fact(`kestrel ${at} ${'word '.repeat(Math.floor(random() * 60))}`, { id: `${at}` }),
      )
      for (const countTokens of counters) {
        const memory = await open({ countTokens })
        const handle = memory.bind({ tenant: 't' })
        await handle.append(entries)
        const smallest = Math.min(...entries.map((entry) => countTokens(entry.text)))
        for (const tokens of [1, Math.max(1, Math.floor(smallest) - 1), 100, 333, 100_000]) {
          for (const items of [1, 5, 1000]) {
            const found = await handle.recall('kestrel', { budget: { tokens, items }, context: { before: 1, after: 1 } })
            const used = found.items.reduce((sum, item) => sum + countTokens(item.record.text), 0)
            assert(used <= tokens, `${used} tokens in a budget of ${tokens}`)
            assert(Math.abs(found.tokens - used) < 1e-6, `tokens told: ${found.tokens}, counted ${used}`)
            assert(found.items.length <= items, `${found.items.length} items in a budget of ${items}`)
            if (tokens < smallest) assert(found.items.length === 0 && found.omitted > 0, 'what does not fit is told as omitted')
          }
        }
      }
    },
  },
  {
    name: '15: a counter of tokens that gives no number fails the recall',
    async run({ open }) {
      for (const count of [Number.NaN, -1, Number.POSITIVE_INFINITY, '7', undefined] as readonly unknown[]) {
        const handle = (await open({ countTokens: () => count as number })).bind({ tenant: 't' })
        await handle.append([fact('kestrel')])
        await assertRejects(handle.recall('kestrel'), 'OPTIONS_INVALID', `a counter that gives ${String(count)}`)
      }
    },
  },
  {
    name: '16: the order of an answer does not depend on the order in which the records came',
    async run({ open }) {
      const random = seededRandom(16)
      const words = ['harbour', 'lantern', 'orchard', 'violin', 'granite']
      const entries = Array.from({ length: 120 }, (_, at) =>
        fact(`${words[at % 5]} ${words[(at * 3) % 5]} ${at % 7}`, { id: `id ${at}`, occurredAt: 1000 * (at % 11) }),
      )
      const answers: string[] = []
      for (let turn = 0; turn < 5; turn += 1) {
        const handle = (await open()).bind({ tenant: 't' })
        for (const part of chunks(shuffled(entries, random), 17)) await handle.append(part)
        const ids: string[][] = []
        for (const query of ['harbour', 'lantern violin', 'granite 3', '', 'orchard']) {
          const { items } = await handle.recall(query, { budget: { items: 20 } })
          ids.push(items.map((item) => item.record.id))
        }
        answers.push(JSON.stringify(ids))
      }
      assertEqual([...new Set(answers)], [answers[0]], 'different answers')
    },
  },
  {
    name: 'recall bears any query',
    async run({ open }) {
      const queries = [
        'the and of',
        '\ud800',
        'a\u0000b',
        '😀',
        'שלום עולם',
        '"unbalanced',
        '(a OR',
        'NEAR(x y)',
        'a* :b ^c',
        "x' OR 1=1 --",
        '[',
        '\\',
        '(a+)+$',
        '^.*[^a-z]{1,}|',
        '\udc00a',
        'ﷺ العربية',
        '\u202eabc\u202c',
        '東'.repeat(9000),
        '😀'.repeat(5000),
      ]
      for (const embedder of [undefined, testEmbedder()]) {
        const handle = (await open(embedder === undefined ? {} : { embedder })).bind({ tenant: 't' })
        await handle.append([fact('to be or not to be'), fact('plain')])
        for (const query of [...queries, 'word '.repeat(210_000)]) {
          const { items, degraded } = await handle.recall(query)
          assert(items.length <= 2, `${items.length} items for ${query.slice(0, 20)}`)
          assertEqual(degraded, [], `legs that failed for ${query.slice(0, 20)}`)
        }
        assertEqual(textsOf(await handle.recall('to be'))[0], 'to be or not to be', 'a query of stop words alone')
        for (const query of [undefined, null, 7, {}, ['a']] as readonly unknown[])
          await assertRejects(handle.recall(query as string), 'MEMORY_INPUT_INVALID', `query ${JSON.stringify(query)}`)
      }
    },
  },
]

function chunks<T>(items: readonly T[], size: number): readonly T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size))
}
