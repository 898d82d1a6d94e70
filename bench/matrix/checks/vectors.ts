import { fails, holds, none, type Check, type Place } from '../contender.ts'

const SOUND = [1, 2, 3, 4]
const BAD: Readonly<Record<string, readonly number[]>> = {
  '3 of 4': [1, 2, 3],
  '5 of 4': [1, 2, 3, 4, 5],
  empty: [],
  NaN: [1, Number.NaN, 3, 4],
  Infinity: [1, Number.POSITIVE_INFINITY, 3, 4],
  zero: [0, 0, 0, 0],
}

/** An embedder gives vectors that are none: each write must be refused, and nothing of it stored. */
export const vectors: Check = {
  title: 'wrong-size, NaN, Infinity, zero, empty vectors are refused',
  async run(contender, place) {
    if (!contender.hasVectors) return none('no vectors')
    let vector: readonly number[] = SOUND
    const tricked: Place = { ...place, embed: () => vector }
    const store = await contender.open(tricked)
    await store.put('t', { id: 'sound', text: 'entry sound' })
    const accepted: string[] = []
    for (const [name, bad] of Object.entries(BAD)) {
      vector = bad
      await store.put('t', { id: name, text: `entry ${name}` }).then(
        () => accepted.push(name),
        () => undefined,
      )
    }
    vector = SOUND
    const texts = await store.seen('t')
    await store.close()
    const stored = Object.keys(BAD).filter((name) => texts.includes(`entry ${name}`))
    if (!texts.includes('entry sound')) return fails('the sound one is gone')
    if (stored.length > 0) return fails(`stored: ${stored.join(', ')}`)
    return accepted.length === 0 ? holds('') : fails(`neither refused nor stored: ${accepted.join(', ')}`)
  },
}
