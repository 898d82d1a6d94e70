import { describe, expect, test } from 'vitest'
import type { Memory } from '../../core/index.ts'
import { manualClock } from '../../testing/clock.ts'
import { fact, linesOf, listAll } from '../../testing/memory-world.ts'
import { type Fault, faultyStore, KEYVS, newName, sharedStoreCases } from '../../../test/fixtures/keyv-stores.ts'
import { keyvMemory, type KeyvStore } from './index.ts'

for (const [name, keyv] of KEYVS) {
  describe(`shared, ${name}`, () => {
    const map = new Map()
    sharedStoreCases(() => keyv(map as never))
  })

  test.each([
    ['throws', () => Promise.reject(new Error('the wire is cut'))],
    ['says false', () => false],
  ])(`17: with ${name}, a write of a store that %s is told, and nothing of it is seen`, async (_, fault) => {
    const world = faultyStore()
    const memory = keyvMemory({ store: keyv(world.store), name: newName() })
    const handle = memory.bind({ tenant: 't' })
    await handle.append([fact('before', { id: 'a' })])
    for (const call of [
      () => handle.append([fact('lost')]),
      () => handle.update('a', { text: 'changed' }),
      () => handle.forget('all', 'erase'),
    ]) {
      world.fault = (kind, _key, work) => (kind === 'set' ? fault() : work())
      await expect(call()).rejects.toMatchObject({ code: 'MEMORY_FAILED', retryable: true, details: { reason: 'write' } })
      world.fault = undefined
      expect((await listAll(handle)).map((record) => record.text)).toEqual(['before'])
    }
    await handle.append([fact('after')])
    expect((await listAll(handle)).map((record) => record.seq)).toEqual([1, 2])
  })

  test(`17: with ${name}, a read that fails is told, and not taken for an empty memory`, async () => {
    const world = faultyStore()
    const instance = keyv(world.store)
    const errors: unknown[] = []
    ;(instance as unknown as { on(event: string, listener: (error: unknown) => void): void }).on('error', (error) =>
      errors.push(error),
    )
    const handle = keyvMemory({ store: instance, name: newName() }).bind({ tenant: 't' })
    await handle.append([fact('kept', { id: 'a' })])
    world.fault = (kind, _key, work) => (kind === 'get' ? Promise.reject(new Error('the wire is cut')) : work())
    for (const call of [
      () => handle.list({}),
      () => handle.recall('kept'),
      () => handle.append([fact('x')]),
      () => handle.get(['a']),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'MEMORY_FAILED', retryable: true, details: { reason: 'read' } })
    world.fault = undefined
    expect((await listAll(handle)).map((record) => record.text)).toEqual(['kept'])
  })

  test(`with ${name}, the instance stays as it was: its time to live ends nothing, and its listeners are its own`, async () => {
    const instance = keyv() as KeyvStore & { ttl?: number; listenerCount?(event: string): number; readonly store: object }
    instance.ttl = 1
    const before = Object.keys(instance)
    const memory = keyvMemory({ store: instance, name: newName() })
    const handle = memory.bind({ tenant: 't' })
    await handle.append([fact('kept')])
    const end = Date.now() + 5
    while (Date.now() < end) await new Promise<void>((resolve) => void setImmediate(resolve))
    expect(await listAll(handle)).toHaveLength(1)
    await memory[Symbol.asyncDispose]()
    expect(Object.keys(instance)).toEqual(before)
    expect(await instance.get('opspawn')).toBeUndefined()
  })
}

test('17: a store that answers nothing is looked at', async () => {
  const map = new Map<string, string>()
  let isFull = false
  const store = {
    capabilities: { expires: true },
    get: async (key: string) => map.get(key),
    set: async (key: string, value: string) => {
      if (!isFull) map.set(key, value)
    },
    delete: async (key: string) => void map.delete(key),
  }
  const handle = keyvMemory({ store }).bind({ tenant: 't' })
  await handle.append([fact('before', { id: 'a' })])
  isFull = true
  await expect(handle.append([fact('lost')])).rejects.toMatchObject({ code: 'MEMORY_FAILED', details: { reason: 'write' } })
  expect((await listAll(handle)).map((record) => record.text)).toEqual(['before'])
  isFull = false
  await handle.forget('all', 'erase')
  expect(map.size).toBe(0)
})

test('17: an error that an adapter swallows and only tells to listeners is told', async () => {
  const listeners = new Set<(error: unknown) => void>()
  const world = faultyStore()
  const store = {
    ...world.store,
    on: (_: string, listener: (error: unknown) => void) => void listeners.add(listener),
    off: (_: string, listener: (error: unknown) => void) => void listeners.delete(listener),
  }
  const memory = keyvMemory({ store })
  const handle = memory.bind({ tenant: 't' })
  await handle.append([fact('kept')])
  expect(listeners.size).toBe(1)
  const swallow: Fault = () => {
    for (const listener of listeners) listener(new Error('the wire is cut'))
  }
  world.fault = swallow
  await expect(handle.list({})).rejects.toMatchObject({
    code: 'MEMORY_FAILED',
    message: expect.stringContaining('the wire is cut') as string,
  })
  world.fault = undefined
  expect(await listAll(handle)).toHaveLength(1)
  await memory[Symbol.asyncDispose]()
  expect(listeners.size).toBe(0)
})

test('a process that dies in the middle of any write leaves the state before it or behind it, and the next goes on', async () => {
  const scope = { tenant: 't', session: 's' }
  const changes: Readonly<Record<string, (memory: Memory) => Promise<unknown>>> = {
    append: (memory) => memory.bind(scope).append(['x', 'y', 'z'].map((id) => fact(`new ${id}`, { id }))),
    first: (memory) => memory.bind({ tenant: 'new' }).append([fact('the first of a tenant')]),
    supersede: (memory) => memory.bind(scope).append([fact('instead of 0', { id: 'x', supersedes: '0' })]),
    update: (memory) => memory.bind(scope).update('3', { text: 'changed' }),
    forget: (memory) => memory.bind(scope).forget({ ids: ['0', '1', '2', '5'] }, 'soft'),
    'forget all': (memory) => memory.bind(scope).forget('all', 'erase'),
    compact: async (memory) => {
      await memory.bind(scope).forget({ ids: ['0', '1', '2', '3', '5', '6'] }, 'soft')
      await memory.maintain()
    },
  }
  const stateOf = async (memory: Memory): Promise<string> =>
    JSON.stringify([await linesOf(memory.export('t')), (await linesOf(memory.export('new'))).length])
  for (const [name, change] of Object.entries(changes)) {
    const seen = new Set<string>()
    for (let point = 0, isOver = false; !isOver; point += 1) {
      const world = faultyStore()
      const options = { clock: manualClock(), chunk: 2 }
      const open = (): Memory => keyvMemory({ ...options, store: { ...world.store }, newId: () => 'made' })
      const first = open()
      await first.bind(scope).append(Array.from({ length: 7 }, (_, at) => fact(`note ${at}`, { id: `${at}` })))
      let calls = 0
      world.fault = (kind, _key, work) => {
        if (kind === 'get') return work()
        calls += 1
        if (calls > point) throw new Error('dead')
        return work()
      }
      isOver = await change(first).then(
        () => calls <= point,
        () => false,
      )
      world.fault = undefined
      const second = open()
      seen.add(await stateOf(second))
      // Done again, whatever was left of the first time, it comes to its end.
      await change(second).catch((error: unknown) => {
        if ((error as { readonly code?: unknown }).code !== 'MEMORY_CONFLICT') throw error
      })
      await second.bind(scope).append([fact('goes on')])
      expect((await listAll(second.bind(scope))).at(-1)?.text).toBe('goes on')
      await second.bind(scope).forget('all', 'erase')
      await second.bind({ tenant: 'new' }).forget('all', 'erase')
      await second.maintain()
      expect([name, point, [...world.map.keys()]]).toEqual([name, point, []])
    }
    expect([name, seen.size <= (name === 'compact' ? 3 : 2)]).toEqual([name, true])
  }
})

test('23: after an erasure nothing of it is in the store, whatever a failed write left there', async () => {
  const world = faultyStore()
  const memory = keyvMemory({ store: world.store, chunk: 2 })
  const handle = memory.bind({ tenant: 't', user: 'u-marker' })
  const bytes = (): string => JSON.stringify([...world.map])
  await handle.append([fact('stays', { id: 'a' }), fact('marker-one', { id: 'b' }), fact('more', { id: 'c' })])
  for (const fails of [2, 3]) {
    let sets = 0
    world.fault = (kind, _key, work) => (kind === 'set' && (sets += 1) >= fails ? Promise.reject(new Error('full')) : work())
    await expect(handle.append(['x', 'y', 'z'].map((id) => fact(`marker-left ${id}`)))).rejects.toMatchObject({
      code: 'MEMORY_FAILED',
    })
    await expect(handle.update('b', { text: 'marker-two' })).rejects.toMatchObject({ code: 'MEMORY_FAILED' })
  }
  world.fault = undefined
  expect(bytes()).toContain('marker-left')
  await handle.forget({ ids: ['b'] }, 'erase')
  expect(bytes()).not.toMatch(/marker-(one|two|left)/)
  expect((await listAll(handle)).map((record) => record.id)).toEqual(['a', 'c'])
  world.fault = (kind, _key, work) => (kind === 'delete' ? Promise.reject(new Error('no')) : work())
  await expect(handle.forget({ ids: ['a'] }, 'erase')).rejects.toMatchObject({
    code: 'MEMORY_FAILED',
    details: { reason: 'erase-incomplete' },
  })
  await memory.maintain()
  expect((await memory.stats()).failures).toBeGreaterThan(0)
  world.fault = undefined
  expect(await handle.forget('all', 'erase')).toEqual({ count: 1, verified: false })
  expect([...world.map]).toEqual([])
})

test('23: in a Map an erasure is verified, and leaves no key behind', async () => {
  const map = new Map<string, unknown>()
  const memory = keyvMemory({ store: map, chunk: 2 })
  const handle = memory.bind({ tenant: 't' })
  await handle.append(Array.from({ length: 9 }, (_, at) => fact(`marker ${at}`)))
  expect(await handle.forget('all', 'erase')).toEqual({ count: 9, verified: true })
  expect(map.size).toBe(0)
})
