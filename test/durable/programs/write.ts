// Accepts, claims and writes to runs of its own; says each position that was acknowledged. Ends after so many, or never.
import { writeSync } from 'node:fs'
import type { RunEvent } from '../../../src/core/index.ts'
import { sqliteStore } from '../../../src/plugins/store-sqlite/index.ts'
import { sleep } from '../../../src/plugins/store-sqlite/shared-state.ts'

const [path = '', name = '', count = '0', runs = '1', durability = 'disk'] = process.argv.slice(2)
// How long others hold the lock on a busy machine is not what is tested; a lease that ran out would be.
const store = sqliteStore({ path, busyMs: 180_000, durability: durability as 'disk' | 'process' })
let slowest = 0

/** At once, not through a stream: what was said must be said when the process is killed. A reader that is busy is waited for. */
function say(text: string): void {
  for (;;) {
    try {
      writeSync(1, `${text}\n`)
      return
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'EAGAIN') throw error
      sleep(1)
    }
  }
}

async function write(runId: string): Promise<void> {
  await store.create({
    origin: { runId, agent: 'a', definition: 'v1', tenant: 't', input: null, rootId: runId, depth: 0, limits: {} },
  })
  const [claim] = await store.claim({ workerId: name, leaseMs: 600_000, runId })
  if (claim === undefined) throw new Error('the run is not ready')
  let { seq } = claim.run
  for (let done = 0; count === '0' || done < Number(count); done += 1) {
    const event: RunEvent = { type: 'decision', effects: [], state: `${name} ${done}`, version: 1, seq: seq + 1, at: 1 }
    const from = performance.now()
    await store.append(claim.fence, seq, [event])
    slowest = Math.max(slowest, performance.now() - from)
    seq += 1
    say(`${runId} ${seq}`)
  }
}

await Promise.all(Array.from({ length: Number(runs) }, (_, index) => write(`${name}-${index}`)))
say(`slowest ${slowest.toFixed(0)}`)
await store[Symbol.asyncDispose]()
