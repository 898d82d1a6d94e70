import { expect, test } from 'vitest'
import { checkOptions } from './options.ts'
import { FileStore } from './sqlite-store.ts'
import { inlineThreads } from '../../../test/durable/inline-threads.ts'
import { newPath, newRun, opened, openThreaded } from '../../../test/durable/stores.ts'

test('what is no data is refused alone, and a thread that cannot be started says so at every call', async () => {
  const store = openThreaded()
  const wrong = store.create(newRun('wrong', { queue: (() => {}) as never }))
  const right = store.create(newRun('right'))
  await expect(wrong).rejects.toMatchObject({ code: 'STORE_FAILED', details: { reason: 'not-data' } })
  expect((await right).created).toBe(true)
  const bundled = new FileStore(checkOptions({ path: newPath() }), () => () => {
    throw new Error('no such file')
  })
  for (let count = 0; count < 2; count += 1) await expect(bundled.create(newRun('a'))).rejects.toThrow('no such file')
  await expect(bundled.open()).rejects.toThrow('no such file')
  await bundled[Symbol.asyncDispose]()
})

test('a thread that dies rejects what it owes, and the next call starts another', async () => {
  const threads: { kill: () => void }[] = []
  const store = new FileStore(checkOptions({ path: newPath() }), (name, data) => (onReplies, onEnd) => {
    const thread = inlineThreads(name, data)(onReplies, onEnd)
    let isDead = false
    threads.push({
      kill: () => {
        isDead = true
        onEnd(new Error('out of memory'))
      },
    })
    return { ...thread, post: (requests) => (isDead ? undefined : thread.post(requests)) }
  })
  opened.push(store)
  await store.create(newRun('a'))
  const pending = store.create(newRun('b'))
  threads[0]?.kill()
  await expect(pending).rejects.toMatchObject({
    code: 'STORE_FAILED',
    retryable: true,
    message: expect.stringContaining('out of memory') as string,
  })
  expect((await store.create(newRun('c'))).created).toBe(true)
})
