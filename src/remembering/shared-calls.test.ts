import { describe, expect, test } from 'vitest'
import type { EmbeddingModel, MemoryRecord, MemoryScope } from '../core/index.ts'
import {
  aliveAt,
  checkAppend,
  checkForget,
  checkMemoryOptions,
  checkUpdate,
  chosenBy,
  createOpening,
  embedQuery,
  ofInserted,
  planAppend,
  readCursor,
  requireFlags,
  requireWhole,
  tryEmbed,
  withFreePlaces,
  writeCursor,
} from './index.ts'

const scope: MemoryScope = { tenant: 't' }
const other: MemoryScope = { tenant: 't', user: 'u' }

function record(id: string, more: Partial<MemoryRecord> = {}): MemoryRecord {
  return { id, kind: 'fact', text: id, scope, seq: 1, createdAt: 1, version: 1, contentHash: id, ...more }
}

const code = (expected: string): object => expect.objectContaining({ code: expected }) as object

describe('a cursor', () => {
  test('comes back as the place that it was written for, and without one a listing begins before all', () => {
    const place = { scope: 't%2Fx/uada', seq: 9_007_199_254_740 }
    expect(readCursor(writeCursor(place))).toEqual(place)
    expect(readCursor(undefined)).toEqual({ scope: '', seq: 0 })
  })
  test.each([
    '',
    '1',
    '@tx',
    '0@tx',
    '-1@tx',
    '1.5@tx',
    '1@',
    '1@x',
    '1@t',
    '1@t x',
    `1@t' OR 1`,
    '1@tx\n',
    '99999999999999999@tx',
  ])('%j is refused', (text) => {
    expect(() => readCursor(text)).toThrow(code('MEMORY_INPUT_INVALID') as Error)
  })
})

describe('places of imported records', () => {
  const places = (taken: readonly number[]): Parameters<typeof withFreePlaces>[1] => ({
    lastSeq: ({ user }) => (user === undefined ? Math.max(0, ...taken) : 0),
    isTaken: ({ user }, seq) => user === undefined && taken.includes(seq),
  })
  const seqsOf = (records: readonly MemoryRecord[]): readonly number[] => records.map(({ seq }) => seq)

  test('stay where they are free, gaps between others too', () => {
    const given = [1, 3, 9].map((seq) => record(`r${seq}`, { seq }))
    const placed = withFreePlaces(given, places([2, 5]))
    expect(placed).toEqual(given)
    expect(placed[0]).toBe(given[0])
  })
  test('that are taken come behind the last, never onto one that was given a moment before', () => {
    const given = [5, 2, 1, 6, 6].map((seq, at) => record(`r${at}`, { seq }))
    expect(seqsOf(withFreePlaces(given, places([2, 5])))).toEqual([6, 7, 1, 8, 9])
  })
  test('are counted in each scope by itself', () => {
    const scopes = [scope, other, scope, other]
    const given = scopes.map((owner, at) => record(`r${at}`, { seq: 2, scope: owner }))
    expect(seqsOf(withFreePlaces(given, places([1, 2])))).toEqual([3, 2, 4, 3])
  })
})

describe('what is to be forgotten', () => {
  const records = [
    record('a'),
    record('b', { metadata: { pin: true } }),
    record('s', { kind: 'summary', source: { ids: ['a'] } }),
    record('ss', { kind: 'summary', source: { ids: ['s'] } }),
  ]
  test.each([
    ['all' as const, ['a', 'b', 's', 'ss']],
    [{ ids: ['a', 'a', 'none'] }, ['a', 's', 'ss']],
    [{ filter: { op: 'eq', field: 'metadata.pin', value: true } as const }, ['b']],
    [{ ids: [] }, []],
  ])('%j takes its summaries along', (selector, ids) => {
    expect(chosenBy(selector, records).map(({ id }) => id)).toEqual(ids)
  })
})

describe('vectors', () => {
  const model = (doEmbed: () => unknown): EmbeddingModel =>
    ({ provider: 'p', modelId: 'm', doEmbed }) as unknown as EmbeddingModel
  const embedder = (doEmbed: () => unknown) => checkMemoryOptions('f', { embedder: model(doEmbed) }, 'name').embedder
  const down = embedder(() => {
    throw new Error('down')
  })
  const good = embedder(() => ({ embeddings: [[0, 2]] }))

  test('are made, or left for later where the embedder is down, which is told', async () => {
    let failures = 0
    const note = (): void => void (failures += 1)
    expect(await tryEmbed(good, ['x'], undefined, note)).toEqual({ vectors: [Float32Array.of(0, 1)], failed: false })
    expect(await tryEmbed(undefined, ['x'], undefined, note)).toEqual({ vectors: [], failed: false })
    expect(await tryEmbed(down, [], undefined, note)).toEqual({ vectors: [], failed: false })
    expect(failures).toBe(0)
    expect(await tryEmbed(down, ['x'], undefined, note)).toEqual({ vectors: [], failed: true })
    expect(failures).toBe(1)
  })
  test('that cannot be used are refused, and an abort is passed on', async () => {
    let failures = 0
    const note = (): void => void (failures += 1)
    const bad = embedder(() => ({ embeddings: [[Number.NaN]] }))
    await expect(tryEmbed(bad, ['x'], undefined, note)).rejects.toMatchObject({ code: 'MODEL_ANSWER_INVALID' })
    const reason = new Error('enough')
    await expect(tryEmbed(down, ['x'], AbortSignal.abort(reason), note)).rejects.toBe(reason)
    expect(failures).toBe(0)
  })
  test('of a query are missed without a word only where the recall is not strict', async () => {
    const note = (): void => {}
    expect(await embedQuery(good, { query: 'x', strict: true }, undefined, note)).toEqual({
      vector: Float32Array.of(0, 1),
      degraded: [],
    })
    expect(await embedQuery(down, { query: '', strict: true }, undefined, note)).toEqual({ vector: undefined, degraded: [] })
    expect(await embedQuery(down, { query: 'x', strict: false }, undefined, note)).toEqual({
      vector: undefined,
      degraded: ['vector'],
    })
    await expect(embedQuery(down, { query: 'x', strict: true }, undefined, note)).rejects.toMatchObject({
      code: 'MEMORY_FAILED',
      details: { reason: 'vector' },
    })
    const reason = new Error('enough')
    await expect(embedQuery(good, { query: 'x', strict: false }, AbortSignal.abort(reason), note)).rejects.toBe(reason)
  })
  test('of an append go to the records that were inserted', () => {
    const present = planAppend([{ kind: 'fact', text: 'b' }], {
      scope,
      now: 1,
      lastSeq: 0,
      find: () => undefined,
      newId: () => 'b',
    })
    const basis = {
      scope,
      now: 1,
      lastSeq: 1,
      find: (id: string) => present.inserted.find((one) => one.id === id),
      newId: () => '',
    }
    const { receipt } = planAppend(
      ['a', 'b', 'c'].map((text) => ({ id: text, kind: 'fact', text })),
      basis,
    )
    expect(ofInserted(receipt, [1, 2, 3])).toEqual([1, 3])
    expect(ofInserted(receipt, [])).toEqual([])
  })
})

describe('the arguments of a call', () => {
  const fact = { kind: 'fact', text: 'x' } as const
  const signal = AbortSignal.abort(new Error('enough'))

  test('are checked, first of all', () => {
    expect(checkAppend([fact], { idempotencyKey: 'k' })).toMatchObject({ entries: [fact], idempotencyKey: 'k' })
    expect(checkUpdate('a', { text: 'y' }, { ifVersion: 2 })).toEqual({ id: 'a', patch: { text: 'y' }, ifVersion: 2 })
    expect(checkForget({ ids: ['a'] }, 'soft', undefined)).toEqual({ ids: ['a'] })
  })
  test.each([
    [() => checkAppend([{ kind: 'fact' }], { signal }), 'MEMORY_INPUT_INVALID'],
    [() => checkAppend([fact], { idempotencyKey: '' }), 'MEMORY_INPUT_INVALID'],
    [() => checkAppend([fact], { key: 'k' } as never), 'OPTIONS_INVALID'],
    [() => checkUpdate('', {}, { signal }), 'MEMORY_INPUT_INVALID'],
    [() => checkUpdate('a', { text: 7 }, undefined), 'MEMORY_INPUT_INVALID'],
    [() => checkUpdate('a', {}, { ifVersion: 0 }), 'MEMORY_INPUT_INVALID'],
    [() => checkUpdate('a', {}, { version: 1 } as never), 'OPTIONS_INVALID'],
    [() => checkForget(undefined, 'soft', { signal }), 'MEMORY_INPUT_INVALID'],
    [() => checkForget('all', 'hard', undefined), 'MEMORY_INPUT_INVALID'],
    [() => checkForget('all', 'soft', { force: true } as never), 'OPTIONS_INVALID'],
  ])('%s is refused with %s, also where the signal has fired', (act, expected) => {
    expect(act).toThrow(code(expected) as Error)
  })
  test.each([
    () => checkAppend([fact], { signal }),
    () => checkUpdate('a', { text: 'y' }, { signal }),
    () => checkForget('all', 'soft', { signal }),
  ])('%s throws the reason of a signal that has fired', (act) => {
    expect(act).toThrow('enough')
  })
})

test('a record is alive until its time is over', () => {
  const mortal = record('a', { expiresAt: 10 })
  expect([aliveAt(mortal, 9), aliveAt(mortal, 10), aliveAt(undefined, 1)]).toEqual([mortal, undefined, undefined])
})

describe('what a factory is given', () => {
  test('flags are true or false, and whole numbers are within their limits', () => {
    requireFlags('f', { a: true, b: false })
    expect(() => requireFlags('f', { a: true, b: 1 })).toThrow('f: b must be true or false, not 1')
    requireWhole('f', 'n', 1, 1, 2)
    requireWhole('f', 'n', 2, 1, 2)
    for (const value of [0, 3, 1.5, Number.NaN, '1', undefined])
      expect(() => requireWhole('f', 'n', value, 1, 2)).toThrow(code('LIMIT_INVALID') as Error)
    expect(() => requireWhole('f', 'n', 0, 1)).toThrow('f: n must be a whole number from 1, not 0')
  })
})

describe('an opening', () => {
  test('opens once, tries again what failed, and refuses after its end', async () => {
    const answers: (() => number)[] = [
      () => {
        throw new Error('not yet')
      },
      () => 1,
    ]
    const opening = createOpening('m', async () => (answers.shift() as () => number)())
    await expect(opening.get()).rejects.toThrow('not yet')
    expect(await Promise.all([opening.get(), opening.get()])).toEqual([1, 1])
    const closed: (number | undefined)[] = []
    await opening.close((opened) => void closed.push(opened))
    await opening.close((opened) => void closed.push(opened))
    expect(closed).toEqual([1])
    await expect(opening.get()).rejects.toMatchObject({ code: 'MEMORY_FAILED', details: { reason: 'closed' }, retryable: false })
  })
  test('has nothing to close where nothing was opened, or could be', async () => {
    const closed: unknown[] = []
    await createOpening('m', async () => 1).close((opened) => void closed.push(opened))
    const failing = createOpening('m', () => Promise.reject(new Error('no')))
    const got = failing.get()
    await failing.close((opened) => void closed.push(opened))
    await expect(got).rejects.toThrow('no')
    expect(closed).toEqual([undefined, undefined])
  })
})
