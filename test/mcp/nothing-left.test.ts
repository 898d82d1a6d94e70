/** What connections leave behind, in a process that does nothing else. */
import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import type { Clock } from '../../src/index.ts'
import { mcp } from '../../src/plugins/tool-mcp/index.ts'
import { modernServer } from '../fixtures/mcp/modern-server.ts'

const SLOW = 240_000

test(
  '1,000 connections that were opened and closed leave no handle, no timer and no listener',
  async () => {
    const modern = modernServer()
    const { signal } = new AbortController()
    let timers = 0
    const clock: Clock = {
      now: () => Date.now(),
      setTimer(ms, act) {
        timers += 1
        const stop = systemTimer(ms, () => {
          stop()
          act()
        })
        return stop
      },
    }
    const systemTimer = (ms: number, act: () => void): (() => void) => {
      const timer = setTimeout(act, ms)
      let isOpen = true
      return () => {
        clearTimeout(timer)
        if (isOpen) timers -= 1
        isOpen = false
      }
    }
    const cycle = async (): Promise<void> => {
      await using handle = mcp({ servers: { modern: { url: 'https://modern.example/mcp' } }, fetch: modern.fetch, clock })
      await handle.call('modern', 'greet', {}, { signal })
    }
    const left = (): readonly unknown[] => [
      process.getActiveResourcesInfo().toSorted(),
      process.eventNames().map((name) => [name, process.listenerCount(name)]),
      getEventListeners(signal, 'abort').length,
      timers,
    ]
    await cycle()
    const before = left()
    for (let done = 0; done < 1_000; done += 20) await Promise.all(Array.from({ length: 20 }, cycle))
    await expect.poll(left, { timeout: 30_000 }).toEqual(before)
    await modern.close()
  },
  SLOW,
)
