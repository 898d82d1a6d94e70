/**
 * What an append and a read of the last twenty records cost over a Map, beside bare Keyv: `node bench/memory-keyv.ts` after
 * `npm run build`. Run it on an idle machine; compare with the bare calls of the same run.
 */
import { Keyv } from 'keyv'
import { keyvMemory } from '../dist/plugins/memory-keyv/index.js'

const ROUNDS = 5
const CALLS = 2000
const RECORDS = 100
const TEXT = 'A turn of a conversation, about as long as people write to an assistant in one go.'

async function microseconds(call: (at: number) => Promise<unknown>): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now()
    for (let at = 0; at < CALLS; at += 1) await call(round * CALLS + at)
    times.push(((performance.now() - start) * 1000) / CALLS)
  }
  return times.toSorted((left, right) => left - right)[Math.floor(ROUNDS / 2)] as number
}

const bare = new Keyv()
console.log('bare Keyv set', (await microseconds((at) => bare.set(`k${at % 100}`, TEXT))).toFixed(1), 'µs')
console.log('bare Keyv get', (await microseconds((at) => bare.get(`k${at % 100}`))).toFixed(1), 'µs')
for (const [name, store] of [
  ['Keyv', new Keyv()],
  ['Map', new Map<string, string>()],
] as const) {
  const memory = keyvMemory({ store })
  // A new session for every hundred turns.
  const handles = Array.from({ length: (ROUNDS * CALLS) / RECORDS }, (_, at) => memory.bind({ tenant: 't', session: `s${at}` }))
  const handleOf = (at: number) => handles[Math.floor(at / RECORDS)] as (typeof handles)[number]
  const append = await microseconds((at) => handleOf(at).append([{ kind: 'message', role: 'user', text: `${TEXT} ${at}` }]))
  const filter = { op: 'gt', field: 'seq', value: RECORDS - 20 } as const
  const window = await microseconds((at) => handleOf(at).list({ filter, limit: 20 }))
  console.log(`over ${name}: append`, append.toFixed(1), 'µs, window of 20', window.toFixed(1), 'µs (aim: 15 and 15)')
}
