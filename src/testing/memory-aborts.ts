import { getEventListeners } from 'node:events'
import type { JsonObject, Memory } from '../core/index.ts'
import { assert, assertEqual, assertRejects, assertRejectsWith } from './assert.ts'
import { asLines, fact, linesOf, listAll, testEmbedder, type MemoryCase } from './memory-world.ts'
import { seededRandom } from './seeded.ts'
import { within } from './within.ts'

/** Checks 31 and 32: aborts, and the end of a memory. */
export const memoryAbortCases: readonly MemoryCase[] = [
  {
    name: '31: every call whose signal has fired rejects with its reason and changes nothing',
    async run({ memory }) {
      await memory.bind({ tenant: 't' }).append([fact('kept', { id: 'a' })])
      const before = await linesOf(memory.export('t'))
      const reason = new Error('no longer wanted')
      for (const [name, call] of Object.entries(everyCall(memory, AbortSignal.abort(reason))))
        await assertRejectsWith(call(), reason, name)
      assertEqual(await linesOf(memory.export('t')), before, 'the export')
      await within(memory.bind({ tenant: 't' }).append([fact('next')]), 5000, 'the append behind them')
    },
  },
  {
    name: '31: an abort ends a call that waits for an embedder, and the next one goes on',
    async run({ open }) {
      const embedder = testEmbedder()
      const memory = await open({ embedder })
      if (!memory.capabilities.vector) return
      const handle = memory.bind({ tenant: 't' })
      await handle.append([fact('first', { id: 'first' })])
      const healthy = testEmbedder()
      embedder.doEmbed = () => new Promise<never>(() => {})
      const reason = new Error('too slow')
      const control = new AbortController()
      const calls = [
        handle.append([fact('hanging')], { signal: control.signal }),
        handle.recall('hanging query', { signal: control.signal }),
      ]
      await new Promise<void>((resolve) => void setImmediate(resolve))
      control.abort(reason)
      for (const call of calls) await within(assertRejectsWith(call, reason, 'a call that hangs'), 5000, 'the abort')
      embedder.doEmbed = (options) => healthy.doEmbed(options)
      await within(handle.append([fact('second', { id: 'second' })]), 5000, 'the next append')
      assertEqual(
        (await listAll(handle)).map((record) => record.id),
        ['first', 'second'],
        'records',
      )
    },
  },
  {
    name: '31: an append that is aborted at any moment is whole or not there, and those beside it are kept',
    async run({ open }) {
      const memory = await open({ embedder: testEmbedder() })
      const handle = memory.bind({ tenant: 't', session: 's' })
      const random = seededRandom(31)
      const calls = Array.from({ length: 40 }, async (_, at) => {
        const control = new AbortController()
        const reason = new Error('no longer wanted')
        const kinds = ['message', 'fact', 'summary'] as const
        const call = handle.append(
          kinds.map((kind) => ({ id: `${at} ${kind}`, kind, text: `turn ${at}` })),
          { signal: control.signal },
        )
        if (at % 2 === 0) void turns(Math.floor(random() * 20)).then(() => control.abort(reason))
        const end = await within(
          call.then(
            () => undefined,
            (error: unknown) => error,
          ),
          60_000,
          'an append',
        )
        assert(end === undefined || end === reason, `append ${at} ends well or with the reason, not with ${String(end)}`)
        return end === undefined
      })
      const kept = await Promise.all(calls)
      const ids = (await listAll(handle, undefined, 50)).map((record) => record.id)
      assertEqual(new Set(ids).size, ids.length, 'ids')
      for (const [at, isKept] of kept.entries()) {
        const found = ids.filter((id) => id.startsWith(`${at} `)).length
        assert(found === 3 || (found === 0 && !isKept), `${found} of 3 entries of append ${at}, ${isKept ? 'kept' : 'aborted'}`)
      }
    },
  },
  {
    name: '30: calls that are done leave no listener at their signal',
    async run({ memory }) {
      const { signal } = new AbortController()
      for (let round = 0; round < 10; round += 1) {
        await memory.bind({ tenant: 't' }).append([fact('kept', { id: 'a' })], { signal })
        for (const call of Object.values(everyCall(memory, signal)).slice(0, -1)) await call()
      }
      assertEqual(getEventListeners(signal, 'abort').length, 0, 'listeners')
    },
  },
  {
    name: '32: after the end every call is refused with its code, and a second end is none',
    async run({ memory }) {
      const handle = memory.bind({ tenant: 't' })
      await handle.append([fact('x')])
      const last = handle.append([fact('under way')]).then(
        () => undefined,
        (error: unknown) => error,
      )
      await memory[Symbol.asyncDispose]?.()
      await memory[Symbol.asyncDispose]?.()
      await within(last, 5000, 'the append that was under way')
      if (memory[Symbol.asyncDispose] === undefined) return
      for (const [name, call] of Object.entries(everyCall(memory))) {
        const error = await assertRejects(call(), 'MEMORY_FAILED', `${name} after the end`)
        assertEqual([(error.details as JsonObject)['reason'], error.retryable], ['closed', false], `details of ${name}`)
      }
    },
  },
  {
    name: '32: it is a memory of this contract that says what it can do',
    async run({ memory }) {
      assertEqual(memory.spec, 'memory/1', 'spec')
      const { durability, ...can } = memory.capabilities
      assertEqual(
        Object.keys(can).toSorted(),
        ['atomicAppend', 'erase', 'lexical', 'multiProcess', 'ttl', 'vector'],
        'capabilities',
      )
      assertEqual([...new Set(Object.values(can).map((value) => typeof value))], ['boolean'], 'types of capabilities')
      assertEqual(['none', 'process', 'disk', 'replicated'].includes(durability), true, `durability ${durability} is known`)
      await memory.bind({ tenant: 't' }).append([fact('a'), fact('b')])
      await memory.bind({ tenant: 'u' }).append([fact('c')])
      assertEqual(
        [(await memory.stats()).records, (await memory.stats('t')).records, (await memory.stats('none')).records],
        [3, 2, 0],
        'records told',
      )
    },
  },
]

/** Lets the event loop turn so many times; none: goes on at once, behind what is under way. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise<void>((resolve) => void setImmediate(resolve))
}

function everyCall(memory: Memory, signal?: AbortSignal): Readonly<Record<string, () => Promise<unknown>>> {
  const handle = memory.bind({ tenant: 't' })
  const options = { signal }
  return {
    append: () => handle.append([fact('new')], options),
    recall: () => handle.recall('kept', options),
    get: () => handle.get(['a'], options),
    list: () => handle.list({}, options),
    update: () => handle.update('a', { text: 'changed' }, options),
    forget: () => handle.forget('all', 'soft', options),
    maintain: () => memory.maintain(options),
    stats: () => memory.stats('t', options),
    export: () => linesOf(memory.export('t', options)),
    import: () => memory.import(asLines<JsonObject>([]), options),
  }
}
