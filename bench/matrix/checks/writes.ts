import { fails, holds, none, type Check } from '../contender.ts'

/** Fifty writes of ten ids at once leave ten entries, each with a text that was written. */
export const upserts: Check = {
  title: '50 writes at once of 10 ids leave 10 entries',
  async run(contender, place) {
    if (!contender.hasOwnIds) return none('no ids of the caller')
    const store = await contender.open(place)
    const writes = Array.from({ length: 50 }, (_, at) => store.put('t', { id: `id ${at % 10}`, text: `entry ${at}` }))
    const failed = (await Promise.allSettled(writes)).filter(({ status }) => status === 'rejected').length
    const ids = (await store.seen('t')).map((text) => Number(text.split(' ')[1]) % 10)
    await store.close()
    const seen = `${ids.length} entries${failed === 0 ? '' : `, ${failed} writes failed with an error`}`
    return ids.length === 10 && new Set(ids).size === 10 && failed === 0 ? holds('') : fails(seen)
  },
}

/** A hundred texts are added to one thread at once: none is lost. */
export const appends: Check = {
  title: '100 appends at once to one thread keep 100',
  async run(contender, place) {
    const store = await contender.open(place)
    if (store.append === undefined || store.thread === undefined) return none('no threads')
    const append = store.append.bind(store)
    const results = await Promise.allSettled(Array.from({ length: 100 }, (_, at) => append('t', 'thread', `entry ${at}`)))
    const kept = new Set(await store.thread('t', 'thread')).size
    await store.close()
    const failed = results.filter(({ status }) => status === 'rejected').length
    return kept === 100 ? holds('') : fails(`${kept} kept${failed === 0 ? ', no error' : `, ${failed} failed with an error`}`)
  },
}

/** The storage fails every write: a write that is lost must reject. */
export const failures: Check = {
  title: 'a write that the storage fails is told',
  async run(contender, place) {
    const store = await contender.open(place)
    if (store.breakStorage === undefined) return none('no storage below')
    await store.put('t', { id: 'good', text: 'entry good' })
    const repair = store.breakStorage()
    let error: unknown
    try {
      await store.put('t', { id: 'lost', text: 'entry lost' })
    } catch (caught) {
      error = caught
    } finally {
      repair()
    }
    const texts = await store.seen('t')
    await store.close()
    if (!texts.includes('entry good')) return fails('what was there before is gone')
    if (error !== undefined) return holds('')
    return texts.includes('entry lost') ? none('could not be made to fail') : fails('resolves, and the entry is lost')
  },
}
