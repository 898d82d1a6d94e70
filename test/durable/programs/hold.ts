// Claims a run and shows that it lives; on "append" it tries to write under the claim, on "block" it blocks its event loop.
import { createInterface } from 'node:readline'
import { OpspawnError, type RunEvent } from '../../../src/core/index.ts'
import { sqliteStore } from '../../../src/plugins/store-sqlite/index.ts'

const [path = '', leaseMs = '1000'] = process.argv.slice(2)
const store = sqliteStore({ path })
const [claim] = await store.claim({ workerId: 'holder', leaseMs: Number(leaseMs), runId: 'run' })
if (claim === undefined) throw new Error('the run is not ready')
const { fence, run } = claim
const beating = setInterval(() => void store.heartbeat([fence], Number(leaseMs)).catch(() => {}), Number(leaseMs) / 4)
console.log('claimed')
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'append') {
    const event: RunEvent = { type: 'decision', effects: [], version: 1, seq: run.seq + 1, at: run.updatedAt }
    const said = await store.append(fence, run.seq, [event]).then(
      () => 'written',
      (error: unknown) => (OpspawnError.is(error) ? error.code : String(error)),
    )
    console.log(`append ${said}`)
  } else if (line.startsWith('block')) {
    const until = performance.now() + Number(line.split(' ')[1])
    while (performance.now() < until);
    console.log('unblocked')
  } else if (line === 'end') break
}
clearInterval(beating)
await store[Symbol.asyncDispose]()
